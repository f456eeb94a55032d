/**
 * The definition of a service: plain functions, and handlers created with {@link defineMethod}, by the names that
 * callers use.
 */
import { RegistryError } from "../errors.ts";
import type { InvocationContext } from "./invocation.ts";
import { withIdProperties } from "./id-proxy.ts";
import { mergeDefinitions, readDefinition, type DefinitionOptions } from "../config/definition-options.ts";
import { checkId, methodName, type MethodRegistration } from "./registry.ts";

const brand: unique symbol = Symbol.for("firelight/MethodDefinition");

/** A handler with its id and options, as {@link defineMethod} returns it. */
export interface MethodDefinition<Args extends Array<any> = Array<any>, Result = any> extends AnyMethodDefinition {
  /** The function that runs on a runner. */
  readonly handler: (context: InvocationContext, ...args: Args) => Result;
}

/**
 * A method definition of any type. It leaves the handler's type open, so that TypeScript infers type parameters from
 * the handler alone.
 */
export interface AnyMethodDefinition {
  /** The method id. */
  readonly id: string;
  /** Options of every call of the method. */
  readonly options: DefinitionOptions;
  readonly [brand]: true;
}

/** A function used as a method. It receives the caller's arguments and no context. */
export type PlainMethod = (...args: Array<any>) => unknown;

/** A method of a service: a function, or a definition with id and options. */
export type ServiceMember = AnyMethodDefinition | PlainMethod;

/** The methods of a service, by the names that callers use. The name of a plain function is also its id. */
export type ServiceDefinition = Readonly<Record<string, ServiceMember>>;

/** Defines methods; see {@link defineMethod}. */
export interface DefineMethod {
  /**
   * Defines a method.
   *
   * @param id the method id: 1 to 128 of the characters `A-Z a-z 0-9 _ $ . : @ -`
   * @param handler the function; it receives the context, then the caller's arguments
   * @param options options of every call of the method; those of a call override them, and they override those of the
   * service
   */
  <Args extends Array<unknown>, Result>(
    id: string,
    handler: (context: InvocationContext, ...args: Args) => Result,
    options?: DefinitionOptions,
  ): MethodDefinition<Args, Result>;
  /** Defines the method that the property names. */
  readonly [id: string]: <Args extends Array<unknown>, Result>(
    handler: (context: InvocationContext, ...args: Args) => Result,
    options?: DefinitionOptions,
  ) => MethodDefinition<Args, Result>;
}

const define = (
  id: string,
  handler: (context: InvocationContext, ...args: Array<any>) => unknown,
  options: DefinitionOptions = {},
): MethodDefinition => {
  checkId("method", id);
  if (typeof handler !== "function") {
    throw new RegistryError(
      `defineMethod("${id}") got ${describe(handler)} as its handler. Pass a function: (context, ...args) => result.`,
    );
  }
  const checked = readDefinition(options, `defineMethod("${id}")`);
  return Object.freeze({ id, handler, options: checked, [brand]: true as const });
};

/**
 * Defines a method whose handler receives an {@link InvocationContext} as its first argument. Callers do not pass it.
 *
 * Use the string form with `noUncheckedIndexedAccess`, because TypeScript cannot know that `defineMethod.charge` exists.
 *
 * @throws {RegistryError} if the id is invalid or the handler is not a function.
 * @throws {ConfigError} for an invalid option.
 *
 * @example
 * ```ts
 * const Billing = flame.service("billing", {
 *   charge: defineMethod("charge", async (ctx, req: { amount: number }) => {
 *     ctx.signal.throwIfAborted();
 *     return { ok: true, charged: req.amount };
 *   }, { timeoutMs: 5_000 }),
 * });
 * ```
 */
export const defineMethod: DefineMethod = withIdProperties<DefineMethod>(define);

/** One method of a service, as both its callers and its registration need it. */
export interface ServiceMethod {
  /** The property by which callers reach it. */
  readonly key: string;
  /** `service/method`. */
  readonly name: string;
  readonly registration: MethodRegistration;
}

/**
 * Reads a service's definition.
 *
 * @throws {RegistryError} naming the member that cannot be a method, and how to fix it.
 * @throws {ConfigError} for an option that cannot work.
 */
export const readService = (
  serviceId: string,
  definition: ServiceDefinition,
  options: DefinitionOptions = {},
): ReadonlyArray<ServiceMethod> => {
  checkId("service", serviceId);
  const checked = readDefinition(options, `service "${serviceId}"`);
  if (typeof definition !== "object" || definition === null) {
    throw new RegistryError(
      `Service "${serviceId}" got ${describe(definition)}. Pass an object of functions: { add: async (a: number, b: number) => a + b }.`,
    );
  }
  const members = Object.entries(definition);
  if (members.length === 0) {
    throw new RegistryError(
      `Service "${serviceId}" has no methods. Pass an object with its own functions; use @flameService for the methods of a class.`,
    );
  }
  return members.map(([key, member]) => readMethod(serviceId, key, member, checked, definition));
};

/**
 * Reads one method. A definition's own id wins over the key. `receiver` is what a plain function sees as `this`.
 *
 * @throws {RegistryError} when it is neither a function nor made with `defineMethod`.
 */
export const readMethod = (
  serviceId: string,
  key: string,
  member: unknown,
  options: DefinitionOptions,
  receiver?: object,
): ServiceMethod => {
  if (key === "then") {
    throw new RegistryError(
      `Service "${serviceId}" has a member "then", so every await of the service would call it. Rename the property; defineMethod("then", …) keeps the id.`,
    );
  }
  if (isMethodDefinition(member)) {
    return {
      key,
      name: methodName(serviceId, member.id),
      registration: {
        id: member.id,
        options: mergeDefinitions(options, member.options),
        handler: member.handler,
        invoke: (context, args) => member.handler(context, ...args),
      },
    };
  }
  if (typeof member === "function") {
    return {
      key,
      name: methodName(serviceId, checkId("method", key)),
      registration: {
        id: key,
        options: mergeDefinitions(options),
        handler: member,
        invoke: (_context, args) => Reflect.apply(member, receiver, args),
      },
    };
  }
  throw new RegistryError(
    `Member "${key}" of service "${serviceId}" is ${describe(member)}. Use a function or defineMethod("${key}", …), and keep other values outside the service.`,
    { method: methodName(serviceId, key) },
  );
};

const isMethodDefinition = (value: unknown): value is MethodDefinition =>
  typeof value === "object" && value !== null && brand in value;

const describe = (value: unknown): string => {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
};
