/**
 * The functions that callers use: they have the signatures of the methods that they call, as promises or as Effects.
 */
import * as Effect from "effect/Effect";
import type { RemoteTarget } from "./caller.ts";
import { copiesNote } from "../process/copies.ts";
import { RegistryError, type CallError } from "../errors.ts";
import { readMap, mapToArray, type Items, type MapOptions, type MapOutcome } from "./fan-out.ts";
import { spawn, type Job } from "./job.ts";
import { mapLater, type MapRun } from "./map-result.ts";
import type { CallOptions } from "../config/options.ts";
import { mergeOptions } from "../config/call-options.ts";
import { readCall } from "../config/definition-options.ts";
import type { MethodDefinition, ServiceDefinition } from "./service.ts";

export { callRemote, type Caller, type RemoteTarget } from "./caller.ts";

/** Calls a method once per item, with the item as its only argument. */
export interface MapMethod<Item, Result> {
  /**
   * Collects failures as results instead of stopping at the first one.
   *
   * @param items the items, read one at a time
   * @param options concurrency, order and what a failure does
   */
  <Given extends Item>(
    items: Items<Given>,
    options: MapOptions & { readonly onError: "collect" },
  ): MapRun<MapOutcome<Given, Result>>;
  /**
   * Stops at the first failure.
   *
   * @param items the items, read one at a time
   * @param options concurrency, order and what a failure does
   */
  (items: Items<Item>, options?: MapOptions & { readonly onError?: "stop" }): MapRun<Result>;
}

/** Calls a method once per item, as an Effect of all results. */
export interface EffectMapMethod<Item, Result> {
  /**
   * Collects failures as results instead of stopping at the first one.
   *
   * @param items the items, read one at a time
   * @param options concurrency, order and what a failure does
   */
  <Given extends Item>(
    items: Items<Given>,
    options: MapOptions & { readonly onError: "collect" },
  ): Effect.Effect<ReadonlyArray<MapOutcome<Given, Result>>, CallError>;
  /**
   * Stops at the first failure.
   *
   * @param items the items, read one at a time
   * @param options concurrency, order and what a failure does
   */
  (
    items: Items<Item>,
    options?: MapOptions & { readonly onError?: "stop" },
  ): Effect.Effect<ReadonlyArray<Result>, CallError>;
}

/** `Map` if the method accepts one argument, otherwise `never`. */
export type IfUnary<Args extends Array<any>, Map> = [Args[0]] extends Args ? Map : never;

/** A remote method that returns a promise. The promise rejects with a {@link CallError}. */
export interface RemoteMethod<Args extends Array<any>, Result> extends FanOutMethods<Args, Result> {
  /**
   * Calls the method.
   *
   * @param args the arguments of the handler, without its context
   */
  (...args: Args): Promise<Result>;
  /**
   * Returns the same method with options for its calls. They override the options of the method and the service,
   * field by field.
   *
   * @param options options of these calls
   * @throws {ConfigError} for an invalid option.
   *
   * @example
   * ```ts
   * await Billing.charge.with({ timeoutMs: 500, signal })({ amount: 50 });
   * ```
   */
  with(options: CallOptions): RemoteMethod<Args, Result>;
}

/** Further ways to call a method that returns promises. */
export interface FanOutMethods<Args extends Array<any>, Result> {
  /**
   * Calls the method once per item, with at most `concurrency` calls at a time, under one span. It starts when you
   * await it or iterate over it: await it for all results, or iterate to receive them one at a time. It reads an item
   * only when a call can start. To pass several arguments, map over objects or tuples.
   *
   * @throws {ConfigError} if the items are not iterable, or an option is invalid.
   *
   * @example
   * ```ts
   * const thumbnails = await Photos.thumbnail.with({ timeoutMs: 5_000 }).map(photos, { concurrency: 8 });
   *
   * for await (const outcome of Photos.thumbnail.map(readPhotos(), { ordered: false, onError: "collect" })) {
   *   if (outcome.ok) await store(outcome.value);
   *   else console.warn(outcome.item, outcome.error.code);
   * }
   * ```
   */
  readonly map: IfUnary<Args, MapMethod<Args[0], Result>>;
  /**
   * Starts the call and returns a {@link Job} at once. Use it when the caller does not wait for the result.
   *
   * @param args the arguments of the handler, without its context
   *
   * @example
   * ```ts
   * const job = Reports.build.with({ timeoutMs: 600_000 }).spawn("2026-11");
   * ```
   */
  spawn(...args: Args): Job<Result>;
}

/** A remote method that returns an Effect. */
export interface EffectMethod<Args extends Array<any>, Result> {
  /**
   * Calls the method when the Effect runs.
   *
   * @param args the arguments of the handler, without its context
   */
  (...args: Args): Effect.Effect<Result, CallError>;
  /**
   * The same method with options for the calls made through it; see {@link RemoteMethod.with}.
   *
   * @param options options of these calls
   */
  with(options: CallOptions): EffectMethod<Args, Result>;
  /** Calls the method once per item; see {@link FanOutMethods.map}. Interrupting the Effect cancels running calls. */
  readonly map: IfUnary<Args, EffectMapMethod<Args[0], Result>>;
}

/** A plain function that is asynchronous already stays as it is, type parameters included, and is remote. */
export type RemoteAsyncFunction<Method extends (...args: any) => Promise<any>> = Method & RemoteFunctionTools<Method>;

/** What a {@link RemoteAsyncFunction} can do beside being called. */
export interface RemoteFunctionTools<Method extends (...args: any) => Promise<any>> extends FanOutMethods<
  Parameters<Method>,
  Awaited<ReturnType<Method>>
> {
  /**
   * The same function with options for the calls made through it; see {@link RemoteMethod.with}.
   *
   * @param options options of these calls
   */
  with(options: CallOptions): RemoteAsyncFunction<Method>;
}

/** How callers see a method: without the context, and with a promise as its result. */
export type RemoteMethodOf<Member> =
  Member extends MethodDefinition<infer Args, infer Result>
    ? RemoteMethod<Args, Awaited<Result>>
    : Member extends (...args: any) => Promise<any>
      ? RemoteAsyncFunction<Member>
      : Member extends (...args: infer Args) => infer Result
        ? RemoteMethod<Args, Awaited<Result>>
        : never;

/** How callers see a method as an Effect. */
export type EffectMethodOf<Member> =
  Member extends MethodDefinition<infer Args, infer Result>
    ? EffectMethod<Args, Awaited<Result>>
    : Member extends (...args: infer Args) => infer Result
      ? EffectMethod<Args, Awaited<Result>>
      : never;

/** How callers see a service. */
export type RemoteService<Definition extends ServiceDefinition> = {
  readonly [Key in keyof Definition]: RemoteMethodOf<Definition[Key]>;
};

/** How callers see a service as Effects. */
export type EffectService<Definition extends ServiceDefinition> = {
  readonly [Key in keyof Definition]: EffectMethodOf<Definition[Key]>;
};

/** How callers see an object after `toEffect`: its asynchronous methods, as Effects. */
export type EffectsOf<Service> = {
  readonly [Key in keyof Service as Service[Key] extends (...args: any) => Promise<any> ? Key : never]: EffectMethodOf<
    Service[Key]
  >;
};

const targets = new WeakMap<Function, () => RemoteTarget>();

/**
 * Remembers where a function leads, for {@link toEffect}.
 *
 * @param target Gives the target when a call is made; may throw a RegistryError.
 */
export const registerTarget = (method: Function, target: () => RemoteTarget): void => {
  targets.set(method, target);
};

const callOptions = (base: CallOptions, more: CallOptions): CallOptions => {
  const signal = more.signal ?? base.signal;
  return signal === undefined ? mergeOptions(base, more) : { ...mergeOptions(base, more), signal };
};

const withOptions = (target: RemoteTarget, options: CallOptions): RemoteTarget => {
  const checked = readCall(options, `${target.method}.with`);
  return { ...target, options: callOptions(target.options, checked) };
};

/** Makes the promise face of a method. */
export const remoteMethod = (target: RemoteTarget): RemoteMethod<Array<any>, unknown> => {
  const method = Object.assign((...args: Array<unknown>) => target.caller.run(target.method, args, target.options), {
    with: (options: CallOptions) => remoteMethod(withOptions(target, options)),
    map: (items: Items<unknown>, options?: MapOptions) => mapLater(target, items, options),
    spawn: (...args: Array<unknown>) => spawn(target, args),
  }) as RemoteMethod<Array<any>, unknown>;
  registerTarget(method, () => target);
  return Object.defineProperty(method, "name", { value: target.method });
};

/** Makes the Effect face of a method. */
export const effectMethod = (target: () => RemoteTarget): EffectMethod<Array<any>, unknown> =>
  Object.assign(
    (...args: Array<unknown>) =>
      Effect.suspend(() => {
        const { caller, method, options } = target();
        return caller.call(method, args, options);
      }),
    {
      with: (options: CallOptions) => {
        const narrowed = withOptions(target(), options);
        return effectMethod(() => narrowed);
      },
      map: (items: Items<unknown>, options: MapOptions = {}) => {
        const checked = readMap(target().method, items, options);
        return Effect.suspend(() => mapToArray(target(), items, checked));
      },
    },
  ) as EffectMethod<Array<any>, unknown>;

/** Converts a remote method, or every remote method of an object, to Effects; see {@link toEffect}. */
export interface ToEffect {
  /**
   * Converts one method.
   *
   * @param method a remote method
   */
  <Method extends (...args: any) => Promise<any>>(method: Method): EffectMethodOf<Method>;
  /**
   * Converts all remote methods of a service.
   *
   * @param service an object with remote methods
   */
  <Service extends object>(service: Service): EffectsOf<Service>;
}

/**
 * Converts a remote method, a decorated method or a whole service to Effects. Running the Effect makes the call;
 * interrupting it cancels the call. Options given with `.with` stay. Of an instance of a class, it takes the remote
 * methods, inherited ones included.
 *
 * @throws {RegistryError} for a function that is not a remote method.
 *
 * @example
 * ```ts
 * const charge = flame.toEffect(Billing.charge);
 * const program = charge({ amount: 50 }).pipe(Effect.catchTag("InvokeError", (error) => Effect.succeed(error.code)));
 * ```
 */
export const toEffect: ToEffect = ((source: Function | object) => {
  if (typeof source === "function") {
    const target = targets.get(source);
    if (target === undefined) {
      throw new RegistryError(
        `toEffect got ${source.name === "" ? "a function" : `the function ${source.name}`} that is not remote. Pass a method of flame.service, a flame.fn, or a method decorated with @flame, without binding or wrapping it.${copiesNote()}`,
      );
    }
    return effectMethod(target);
  }
  const effects = new Map<string, EffectMethod<Array<any>, unknown>>();
  const seen = new Set<string>();
  for (
    let level: object | null = source;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level)
  ) {
    for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      const target = typeof property.value === "function" ? targets.get(property.value) : undefined;
      if (target !== undefined && !seen.has(key)) effects.set(key, effectMethod(target));
      seen.add(key);
    }
  }
  if (effects.size === 0) {
    throw new RegistryError(
      `toEffect got an object without remote methods. Pass a flame.service or an instance of a class decorated with @flameService.${copiesNote()}`,
    );
  }
  return Object.freeze(Object.fromEntries(effects));
}) as ToEffect;
