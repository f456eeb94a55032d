/** Makes services and single functions: registers the handlers, and returns the functions that callers use. */
import type { CallSite } from "./contract/process/call-site.ts";
import { definitionSite } from "./contract/process/development.ts";
import { withIdProperties } from "./contract/api/id-proxy.ts";
import { readDefinition, type DefinitionOptions } from "./contract/config/definition-options.ts";
import { checkId, type Registry } from "./contract/api/registry.ts";
import {
  type Caller,
  effectMethod,
  type EffectMethodOf,
  type EffectService,
  remoteMethod,
  type RemoteMethodOf,
  type RemoteService,
  type RemoteTarget,
} from "./contract/api/remote-method.ts";
import {
  readMethod,
  readService,
  type ServiceDefinition,
  type ServiceMember,
  type ServiceMethod,
} from "./contract/api/service.ts";

/**
 * Defines a service whose methods return promises: `service("billing", { … })` or `service.billing({ … })`.
 *
 * Use the string form with `noUncheckedIndexedAccess`, because TypeScript cannot know that `service.billing` exists,
 * and for ids that every function already has, such as `name`, `call` or `then`.
 *
 * @throws {RegistryError} if a member is not a function, an id is invalid, or a method is registered with another
 * handler.
 * @throws {ConfigError} for an invalid option.
 */
export interface ServiceMaker {
  /**
   * Defines a service.
   *
   * @param id the service id: 1 to 128 of the characters `A-Z a-z 0-9 _ $ . : @ -`
   * @param definition the methods, by the names that callers use
   * @param options options of every call of the service
   */
  <Definition extends ServiceDefinition>(
    id: string,
    definition: Definition,
    options?: DefinitionOptions,
  ): RemoteService<Definition>;
  /** Defines the service that the property names. */
  readonly [id: string]: <Definition extends ServiceDefinition>(
    definition: Definition,
    options?: DefinitionOptions,
  ) => RemoteService<Definition>;
}

/** Defines a service whose methods return Effects: `serviceEffect("math", { … })` or `serviceEffect.math({ … })`. */
export interface EffectServiceMaker {
  /**
   * Defines a service.
   *
   * @param id the service id: 1 to 128 of the characters `A-Z a-z 0-9 _ $ . : @ -`
   * @param definition the methods, by the names that callers use
   * @param options options of every call of the service
   */
  <Definition extends ServiceDefinition>(
    id: string,
    definition: Definition,
    options?: DefinitionOptions,
  ): EffectService<Definition>;
  /** Defines the service that the property names. */
  readonly [id: string]: <Definition extends ServiceDefinition>(
    definition: Definition,
    options?: DefinitionOptions,
  ) => EffectService<Definition>;
}

/** Defines one remote function that returns a promise: `fn("ping", handler)` or `fn.ping(handler)`. */
export interface FunctionMaker {
  /**
   * Defines a function.
   *
   * @param id the service id of the function: 1 to 128 of the characters `A-Z a-z 0-9 _ $ . : @ -`
   * @param handler the function, or a method made with `defineMethod`
   * @param options options of every call
   */
  <Handler extends ServiceMember>(id: string, handler: Handler, options?: DefinitionOptions): RemoteMethodOf<Handler>;
  /** Defines the function that the property names. */
  readonly [id: string]: <Handler extends ServiceMember>(
    handler: Handler,
    options?: DefinitionOptions,
  ) => RemoteMethodOf<Handler>;
}

/** Defines one remote function that returns an Effect: `fnEffect("ping", handler)` or `fnEffect.ping(handler)`. */
export interface EffectFunctionMaker {
  /**
   * Defines a function.
   *
   * @param id the service id of the function: 1 to 128 of the characters `A-Z a-z 0-9 _ $ . : @ -`
   * @param handler the function, or a method made with `defineMethod`
   * @param options options of every call
   */
  <Handler extends ServiceMember>(id: string, handler: Handler, options?: DefinitionOptions): EffectMethodOf<Handler>;
  /** Defines the function that the property names. */
  readonly [id: string]: <Handler extends ServiceMember>(
    handler: Handler,
    options?: DefinitionOptions,
  ) => EffectMethodOf<Handler>;
}

/** The functions of a Firelight instance that define services and single functions. */
export interface ServiceFactories {
  /** Defines a service whose methods return promises. */
  readonly service: ServiceMaker;
  /** Defines a service whose methods return Effects. */
  readonly serviceEffect: EffectServiceMaker;
  /** Defines one remote function that returns a promise. */
  readonly fn: FunctionMaker;
  /** Defines one remote function that returns an Effect. */
  readonly fnEffect: EffectFunctionMaker;
}

/** The method id of a single function. */
const singleMethod = "default";

/** Makes the factories, which fill the registry and call through the caller. */
export const makeServiceFactories = (registry: Registry, caller: Caller): ServiceFactories => {
  const target = ({ name, registration }: ServiceMethod): RemoteTarget => ({
    caller,
    method: name,
    options: registration.options,
  });

  const register = (id: string, methods: ReadonlyArray<ServiceMethod>, definedAt: CallSite | undefined): void =>
    registry.register(
      id,
      methods.map(({ registration }) => ({ ...registration, definedAt })),
    );

  const service = (wrap: (target: RemoteTarget) => unknown) => {
    const make = (id: string, definition: ServiceDefinition, options?: DefinitionOptions): unknown => {
      const methods = readService(id, definition, options);
      register(id, methods, definitionSite(make));
      return Object.freeze(Object.fromEntries(methods.map((method) => [method.key, wrap(target(method))])));
    };
    return make;
  };

  const single = (wrap: (target: RemoteTarget) => unknown) => {
    const make = (id: string, handler: ServiceMember, options: DefinitionOptions = {}): unknown => {
      const checked = readDefinition(options, `fn "${checkId("service", id)}"`);
      const method = readMethod(id, singleMethod, handler, checked);
      register(id, [method], definitionSite(make));
      return wrap(target(method));
    };
    return make;
  };

  const asEffect = (to: RemoteTarget): unknown => effectMethod(() => to);
  return {
    service: withIdProperties(service(remoteMethod)),
    serviceEffect: withIdProperties(service(asEffect)),
    fn: withIdProperties(single(remoteMethod)),
    fnEffect: withIdProperties(single(asEffect)),
  };
};
