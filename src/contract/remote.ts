/**
 * What callers hold: functions that look like the methods they stand for, as
 * promises or as Effects.
 */
import { Cause, Effect, Exit, Option } from "effect";
import { InvokeError, RegistryError, type CallError } from "./errors.ts";
import { type CallOptions } from "./options.ts";
import { checkOptions, mergeOptions } from "./call-options.ts";
import type { MethodDefinition, ServiceDefinition } from "./service.ts";

/** Carries calls out. It must be called in the caller's own stack, so that it sees what is active there; it never throws. */
export interface Caller {
  call(method: string, args: ReadonlyArray<unknown>, options: CallOptions): Effect.Effect<unknown, CallError>;
}

/** A method as a function that returns a promise. It rejects with a {@link CallError}. */
export interface RemoteMethod<Args extends Array<any>, Result> {
  (...args: Args): Promise<Result>;
  /**
   * The same method with options for the calls made through it. They win over those of the method and the service, field by field.
   *
   * @throws {ConfigError} for an option that cannot work.
   *
   * @example
   * ```ts
   * await Billing.charge.with({ timeoutMs: 500, signal })({ amount: 50 });
   * ```
   */
  with(options: CallOptions): RemoteMethod<Args, Result>;
}

/** A method as a function that returns an Effect. */
export interface EffectMethod<Args extends Array<any>, Result> {
  (...args: Args): Effect.Effect<Result, CallError>;
  /** The same method with options for the calls made through it; see {@link RemoteMethod.with}. */
  with(options: CallOptions): EffectMethod<Args, Result>;
}

/** A plain function that is asynchronous already stays as it is, type parameters included. */
type Kept<Method> = Method & { with(options: CallOptions): Kept<Method> };

/** What callers see of a method: the context is gone, the result a promise. */
export type RemoteMethodOf<Member> =
  Member extends MethodDefinition<infer Args, infer Result>
    ? RemoteMethod<Args, Awaited<Result>>
    : Member extends (...args: any) => Promise<any>
      ? Kept<Member>
      : Member extends (...args: infer Args) => infer Result
        ? RemoteMethod<Args, Awaited<Result>>
        : never;

/** What callers see of a method as an Effect. */
export type EffectMethodOf<Member> =
  Member extends MethodDefinition<infer Args, infer Result>
    ? EffectMethod<Args, Awaited<Result>>
    : Member extends (...args: infer Args) => infer Result
      ? EffectMethod<Args, Awaited<Result>>
      : never;

/** What callers see of a service. */
export type RemoteService<Definition extends ServiceDefinition> = {
  readonly [Key in keyof Definition]: RemoteMethodOf<Definition[Key]>;
};

/** What callers see of a service as Effects. */
export type EffectService<Definition extends ServiceDefinition> = {
  readonly [Key in keyof Definition]: EffectMethodOf<Definition[Key]>;
};

/** The methods of an object that `toEffect` turns into Effects: those that return promises. */
export type EffectsOf<Service> = {
  readonly [Key in keyof Service as Service[Key] extends (...args: any) => Promise<any> ? Key : never]: EffectMethodOf<
    Service[Key]
  >;
};

/** Where a remote method leads. */
export interface RemoteTarget {
  readonly caller: Caller;
  /** `service/method`. */
  readonly method: string;
  readonly options: CallOptions;
}

const targets = new WeakMap<Function, () => RemoteTarget>();

/**
 * Remembers where a function leads, for {@link toEffect}.
 *
 * @param target Gives the target when a call is made; may throw a RegistryError.
 */
export const leadsTo = (method: Function, target: () => RemoteTarget): void => {
  targets.set(method, target);
};

const callOptions = (base: CallOptions, more: CallOptions): CallOptions => {
  const signal = more.signal ?? base.signal;
  return signal === undefined ? mergeOptions(base, more) : { ...mergeOptions(base, more), signal };
};

const withOptions = (target: RemoteTarget, options: CallOptions): RemoteTarget => {
  checkOptions(options, `${target.method}.with`);
  return { ...target, options: callOptions(target.options, options) };
};

/** Makes the promise face of a method. */
export const remoteMethod = (target: RemoteTarget): RemoteMethod<Array<any>, unknown> => {
  const method = Object.assign((...args: Array<unknown>) => callRemote(target, args), {
    with: (options: CallOptions) => remoteMethod(withOptions(target, options)),
  });
  leadsTo(method, () => target);
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
    },
  );

/** Makes a call and gives its result as a promise that rejects with a {@link CallError}. */
export const callRemote = async (target: RemoteTarget, args: ReadonlyArray<unknown>): Promise<unknown> => {
  const exit = await Effect.runPromiseExit(target.caller.call(target.method, args, target.options));
  if (Exit.isSuccess(exit)) return exit.value;
  throw asCallError(exit.cause, target.method);
};

const asCallError = (cause: Cause.Cause<CallError>, method: string): CallError => {
  const failure = Cause.findErrorOption(cause);
  if (Option.isSome(failure)) return failure.value;
  if (Cause.hasInterruptsOnly(cause))
    return new InvokeError("canceled", `The call of ${method} was interrupted.`, { method });
  return new InvokeError(
    "invoke_error",
    `The call of ${method} ended with a defect in Firelight itself; see its cause.`,
    {
      method,
      cause: Cause.squash(cause),
    },
  );
};

/** Turns a remote method, or every remote method of an object, into Effects. */
export interface ToEffect {
  <Method extends (...args: any) => Promise<any>>(method: Method): EffectMethodOf<Method>;
  <Service extends object>(service: Service): EffectsOf<Service>;
}

/**
 * Turns a method of a service, a `flame.fn`, a decorated method or a whole service into Effects. Running one makes the call;
 * interrupting it cancels the call. Options given by `.with` are kept.
 *
 * Of a class's instance, the methods that are remote are taken, inherited ones included.
 *
 * @throws {RegistryError} for a function that leads nowhere, such as one that was not made by Firelight.
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
        `toEffect got ${source.name === "" ? "a function" : `the function ${source.name}`} that is not remote. Give it a method of flame.service, a flame.fn, or a method decorated with @flame, and do not bind or wrap it first.`,
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
      "toEffect got an object without remote methods. Give it a flame.service or an instance of a class decorated with @flameService.",
    );
  }
  return Object.freeze(Object.fromEntries(effects));
}) as ToEffect;
