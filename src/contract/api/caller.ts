/** The target of a remote method: its options and the function that makes its calls. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as Option from "effect/Option";
import { InvokeError, type CallError } from "../errors.ts";
import type { CallOptions } from "../config/options.ts";

/**
 * Shares one event listener per signal among all abort listeners. A handler that makes thousands of concurrent calls
 * adds thousands of listeners to its signal, and an event target searches all of them on every change.
 */
const listenersOf: WeakMap<AbortSignal, Listeners> = new WeakMap();

class Listeners {
  readonly #signal: AbortSignal;
  readonly #all = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  readonly #aborted = (): void => {
    for (const listener of [...this.#all]) if (this.#all.delete(listener)) listener();
  };

  add(listener: () => void): void {
    if (this.#all.size === 0) this.#signal.addEventListener("abort", this.#aborted, { once: true });
    this.#all.add(listener);
  }

  /** The last one takes the event listener off: with one, a signal made of others is kept in memory. */
  remove(listener: () => void): void {
    if (this.#all.delete(listener) && this.#all.size === 0) this.#signal.removeEventListener("abort", this.#aborted);
  }
}

/** Calls back once when the signal is aborted from now on. Returns how to stop listening. */
export const onAbort = (signal: AbortSignal, listener: () => void): (() => void) => {
  let listeners = listenersOf.get(signal);
  if (listeners === undefined) listenersOf.set(signal, (listeners = new Listeners(signal)));
  const own = (): void => listener();
  listeners.add(own);
  return () => listeners.remove(own);
};

/** What is settled about a call before it is made, for callers that keep an eye on it. */
export interface CallObserver {
  /** The invocation id. */
  readonly id: string;
  /** Called when the first attempt begins: from here on the handler may run. */
  readonly started: () => void;
}

/** Many calls of one method, made as one piece of work. */
export interface FanOutRequest {
  /** `service/method`. */
  readonly method: string;
  /** Those of each call. */
  readonly options: CallOptions;
  /** Calls at a time. Default: as many as the pool can run, 16 where nothing tells. */
  readonly concurrency: number | undefined;
}

/** What a fan-out makes its calls with. */
export interface FanOutCalls {
  /** Calls at a time. */
  readonly concurrency: number;
  call(args: ReadonlyArray<unknown>): Effect.Effect<unknown, CallError>;
}

/** Runs the calls of a fan-out as one piece of work. */
export type FanOutRun = (
  work: (calls: FanOutCalls) => Effect.Effect<void, CallError>,
) => Effect.Effect<void, CallError>;

/** Carries calls out. Its methods must be called in the caller's own stack, so that they see what is active there; they never throw. */
export interface Caller {
  call(
    method: string,
    args: ReadonlyArray<unknown>,
    options: CallOptions,
    observer?: CallObserver,
  ): Effect.Effect<unknown, CallError>;
  /** Makes a call and gives its result as a promise that rejects with a {@link CallError}. */
  run(method: string, args: ReadonlyArray<unknown>, options: CallOptions, observer?: CallObserver): Promise<unknown>;
  fanOut(request: FanOutRequest): FanOutRun;
}

/** Where a remote method leads. */
export interface RemoteTarget {
  readonly caller: Caller;
  /** `service/method`. */
  readonly method: string;
  readonly options: CallOptions;
}

/** Makes a call and gives its result as a promise that rejects with a {@link CallError}. */
export const callRemote = (
  target: RemoteTarget,
  args: ReadonlyArray<unknown>,
  observer?: CallObserver,
): Promise<unknown> => target.caller.run(target.method, args, target.options, observer);

/** Runs what calls `method` and gives its result as a promise that rejects with a {@link CallError}. */
export const asPromise = async <A>(effect: Effect.Effect<A, CallError>, method: string): Promise<A> => {
  const exit = await Effect.runPromiseExit(effect);
  if (Exit.isSuccess(exit)) return exit.value;
  throw asCallError(exit.cause, method);
};

/** The error that a cause reports. */
export const asCallError = (cause: Cause.Cause<CallError>, method: string): CallError => {
  const failure = Cause.findErrorOption(cause);
  if (Option.isSome(failure)) return failure.value;
  if (Cause.hasInterruptsOnly(cause))
    return new InvokeError("canceled", `The call of ${method} was interrupted.`, { method });
  return new InvokeError("invoke_error", `Internal error in Firelight during the call of ${method}; see the cause.`, {
    method,
    cause: Cause.squash(cause),
  });
};

/**
 * Interrupts an effect as soon as one of the signals is aborted, and then fails with `failure`, which is asked when nothing of the
 * effect runs any more. With a signal that is aborted already, the effect does not begin.
 */
export const untilAborted = <A>(
  effect: Effect.Effect<A, CallError>,
  signals: ReadonlyArray<AbortSignal | undefined>,
  failure: (reason: unknown) => CallError,
): Effect.Effect<A, CallError> =>
  Effect.withFiber((parent) => {
    const over = signals.find((signal) => signal?.aborted === true);
    if (over !== undefined) return Effect.fail(failure(over.reason));
    return Effect.callback<A, CallError>((resume) => {
      let abortedBy: AbortSignal | undefined;
      const fiber = Effect.runForkWith(parent.context)(effect);
      const stops = signals.map(
        (signal) =>
          signal &&
          onAbort(signal, () => {
            abortedBy ??= signal;
            fiber.interruptUnsafe();
          }),
      );
      const stopListening = (): void => {
        for (const stop of stops) stop?.();
      };
      fiber.addObserver((exit) => {
        stopListening();
        const canceled = abortedBy !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause);
        resume(canceled ? Effect.fail(failure(abortedBy?.reason)) : exit);
      });
      return Effect.suspend(() => {
        stopListening();
        return Fiber.interrupt(fiber);
      });
    });
  });
