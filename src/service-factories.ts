/** Makes services and single functions: registers the handlers, and returns the functions that callers use. */
import type { CallSite } from "./contract/process/call-site.ts";
import { definitionSite } from "./contract/process/development.ts";
import { withIdProperties } from "./contract/api/id-proxy.ts";
import { readDefinition, type DefinitionOptions } from "./contract/config/definition-options.ts";
import { checkId, type Registry } from "./contract/api/registry.ts";
import { effectMethod, remoteMethod, type Caller, type RemoteTarget } from "./contract/api/remote-method.ts";
import type { EffectMethodOf, EffectService, RemoteMethodOf, RemoteService } from "./contract/api/remote-method.ts";
import {
  readMethod,
  readService,
  type ServiceDefinition,
  type ServiceMember,
  type ServiceMethod,
} from "./contract/api/service.ts";

/**
 * Makes a service whose methods return promises: `service("billing", { … })` or `service.billing({ … })`.
 *
 * With `noUncheckedIndexedAccess`, TypeScript does not know that `service.billing` exists: use the string form. Also use it for ids
 * that are properties of every function, such as `name`, `call` or `then`.
 *
 * @throws {RegistryError} for a member that is not a function, an invalid id, and a method that is registered with another
 * handler.
 * @throws {ConfigError} for an invalid option.
 */
export interface ServiceMaker {
  <Definition extends ServiceDefinition>(
    id: string,
    definition: Definition,
    options?: DefinitionOptions,
  ): RemoteService<Definition>;
  readonly [id: string]: <Definition extends ServiceDefinition>(
    definition: Definition,
    options?: DefinitionOptions,
  ) => RemoteService<Definition>;
}

/** Makes a service whose methods return Effects: `serviceEffect("math", { … })` or `serviceEffect.math({ … })`. */
export interface EffectServiceMaker {
  <Definition extends ServiceDefinition>(
    id: string,
    definition: Definition,
    options?: DefinitionOptions,
  ): EffectService<Definition>;
  readonly [id: string]: <Definition extends ServiceDefinition>(
    definition: Definition,
    options?: DefinitionOptions,
  ) => EffectService<Definition>;
}

/** Makes a single remote function that returns a promise: `fn("ping", handler)` or `fn.ping(handler)`. */
export interface FunctionMaker {
  <Handler extends ServiceMember>(id: string, handler: Handler, options?: DefinitionOptions): RemoteMethodOf<Handler>;
  readonly [id: string]: <Handler extends ServiceMember>(
    handler: Handler,
    options?: DefinitionOptions,
  ) => RemoteMethodOf<Handler>;
}

/** Makes a single remote function that returns an Effect: `fnEffect("ping", handler)` or `fnEffect.ping(handler)`. */
export interface EffectFunctionMaker {
  <Handler extends ServiceMember>(id: string, handler: Handler, options?: DefinitionOptions): EffectMethodOf<Handler>;
  readonly [id: string]: <Handler extends ServiceMember>(
    handler: Handler,
    options?: DefinitionOptions,
  ) => EffectMethodOf<Handler>;
}

/** The factories of a Firelight instance. */
export interface ServiceFactories {
  readonly service: ServiceMaker;
  readonly serviceEffect: EffectServiceMaker;
  readonly fn: FunctionMaker;
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
