/** Runs one call: encodes the arguments, makes attempts until one succeeds, and reports the outcome. */
import * as Cause from "effect/Cause";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import { asCallError, onAbort } from "../contract/api/caller.ts";
import { type CallError, withContext } from "../contract/errors.ts";
import type { SpanFields } from "../telemetry/catalog.ts";
import type { AnyFiber, StageSpan } from "../telemetry/telemetry.ts";
import { acquire } from "./acquire.ts";
import { attemptWith, type RunningAttempt, startAttempt } from "./attempt.ts";
import { firstAttempt } from "./attempt-cause.ts";
import { argumentsTooLarge } from "./attempt-errors.ts";
import {
  type Call,
  type CallOrigin,
  type CallRequest,
  canceled,
  type ClientContext,
  errorContext,
  errorOf,
  inheritedSignal,
  startCall,
} from "./call.ts";
import { mayHedge } from "./hedge.ts";
import { afterFailure, withRetries } from "./retry-loop.ts";

/** Encodes the arguments, once for all attempts. */
const encodeArguments = (call: Call): CallError | undefined => {
  const { codec, config } = call.client;
  try {
    call.body = codec.encode(call.args, `arguments of ${call.method}`);
    const bytes = call.body.byteLength;
    return bytes > config.maxBodyBytes ? argumentsTooLarge(call, bytes, config.maxBodyBytes) : undefined;
  } catch (error) {
    return withContext(error as CallError, { ...errorContext(call), executed: "no", phase: "encode" });
  }
};

/** A call in progress. As long as it has nothing to wait for but its first attempt, it needs no fiber. */
class RunningCall {
  readonly #call: Call;
  readonly #span: StageSpan;
  readonly #done: (exit: Exit.Exit<unknown, CallError>) => void;
  #attempt: RunningAttempt | undefined;
  #fiber: Fiber.Fiber<unknown, CallError> | undefined;
  /** Stop listening to the signals of the call. */
  #stops: ReadonlyArray<() => void> | undefined;
  #abortedBy: AbortSignal | undefined;
  #ended: boolean;

  /**
   * @param around the fiber that it is in, if any
   * @param done Called once, unless the call is canceled; maybe before this returns.
   */
  constructor(
    client: ClientContext,
    request: CallRequest,
    origin: CallOrigin,
    around: AnyFiber | undefined,
    done: (exit: Exit.Exit<unknown, CallError>) => void,
  ) {
    const { telemetry } = client;
    const call = startCall(client, request, origin);
    const { method, pool, options } = call;
    telemetry.emit({ _tag: "CallStarted", method, pool });
    const facts: SpanFields = {
      pool,
      invocationId: call.invocationId,
      deadlineMs: call.timeoutMs,
      idempotencyKey: options.idempotencyKey === undefined ? undefined : true,
      detached: options.detached === true ? true : undefined,
    };
    const { host, linkTo } = origin;
    const span = telemetry.begin({ _tag: "call", method, host, linkTo, facts }, around);
    call.span = span.ids;
    this.#call = call;
    this.#span = span;
    this.#done = done;
    this.#ended = false;

    const encodingAt = performance.now();
    const unsendable = encodeArguments(call);
    call.phases.encode += performance.now() - encodingAt;
    if (unsendable !== undefined) {
      this.#end(Exit.fail(unsendable));
      return;
    }
    const inherited = origin.outer === undefined ? undefined : inheritedSignal(call);
    if ((inherited !== undefined || options.signal !== undefined) && !this.#listen([inherited, options.signal])) return;
    const { poolContext } = call;
    if (
      client.local !== undefined ||
      poolContext?.exchange === undefined ||
      (options.hedge !== undefined && mayHedge(call))
    ) {
      this.#fork(withRetries(call), around);
      return;
    }
    const lease = acquire(call, poolContext.pool, undefined);
    if (Effect.isEffect(lease)) {
      const first = attemptWith(call, poolContext, lease, firstAttempt);
      this.#fork(
        Effect.catch(first, (error) => afterFailure(call, error)),
        around,
      );
      return;
    }
    this.#attempt = startAttempt(call, poolContext.exchange, lease, firstAttempt, around, span, (exit) => {
      this.#attempt = undefined;
      if (Exit.isSuccess(exit)) this.#end(exit);
      else
        this.#fork(
          Effect.catch(exit, (error) => afterFailure(call, error)),
          around,
        );
    });
  }

  /** Cancels the call. The effect waits until nothing of it runs any more, except for a detached handler. */
  cancel(): Effect.Effect<void> {
    if (this.#fiber !== undefined) return Effect.asVoid(Fiber.interrupt(this.#fiber));
    if (!this.#ended) {
      this.#attempt?.cancel();
      this.#end(Exit.interrupt());
    }
    return Effect.void;
  }

  /** Cancels the call with its signals. Returns `false` if it is over because one was aborted before. */
  #listen(signals: ReadonlyArray<AbortSignal | undefined>): boolean {
    const aborted = signals.find((signal) => signal?.aborted === true);
    if (aborted !== undefined) this.#end(Exit.fail(canceled(this.#call, aborted.reason)));
    else
      this.#stops = signals.flatMap((signal) =>
        signal === undefined ? [] : [onAbort(signal, () => this.#onAbort(signal))],
      );
    return aborted === undefined;
  }

  #onAbort(signal: AbortSignal): void {
    if (this.#ended || this.#abortedBy !== undefined) return;
    this.#abortedBy = signal;
    if (this.#fiber !== undefined) return this.#fiber.interruptUnsafe();
    this.#attempt?.cancel();
    this.#end(Exit.fail(canceled(this.#call, signal.reason)));
  }

  /** Goes on in a fiber. */
  #fork(effect: Effect.Effect<unknown, CallError>, around: AnyFiber | undefined): void {
    const context = this.#span.within(around?.context ?? Context.empty());
    this.#fiber = Effect.runForkWith(context)(effect);
    this.#fiber.addObserver((exit) => {
      const aborted = this.#abortedBy !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause);
      this.#end(aborted ? Exit.fail(canceled(this.#call, this.#abortedBy?.reason)) : exit);
    });
  }

  #end(exit: Exit.Exit<unknown, CallError>): void {
    const call = this.#call;
    const { phases, method, pool, invocationId } = call;
    const { telemetry } = call.client;
    const span = this.#span;
    this.#ended = true;
    if (this.#stops !== undefined) for (const stop of this.#stops) stop();
    const error = exit._tag === "Success" ? undefined : errorOf(exit, call);
    call.lease?.release();
    if (error === undefined) call.poolContext?.retryBudget?.succeeded(call.tookRetryToken);
    const durationMs = performance.now() - call.startedAt;
    const { acquire, encode, network, runner_queue, handler, decode, backoff } = phases;
    // The phases sum up to the duration.
    phases.other = Math.max(0, durationMs - (acquire + encode + network + runner_queue + handler + decode + backoff));
    const { ids } = span;
    if (ids !== undefined) {
      span.setAttributes({
        attemptCount: call.attempts,
        retryRefused: call.retryDenied,
        coldStart: call.coldStart,
        ...call.acquired,
        phaseAcquireMs: acquire,
        phaseEncodeMs: encode,
        phaseNetworkMs: network,
        phaseRunnerQueueMs: runner_queue,
        phaseHandlerMs: handler,
        phaseDecodeMs: decode,
        phaseBackoffMs: backoff,
        phaseOtherMs: phases.other,
      });
    }
    const { attempts } = call;
    telemetry.emit({ _tag: "CallEnded", method, pool, durationMs, attempts, phases, error, invocationId, span: ids });
    span.end(exit);
    this.#done(exit);
  }
}

/** A call as an effect. Each run of the effect is a call of its own. */
export const runCall = (
  client: ClientContext,
  request: CallRequest,
  origin: CallOrigin,
): Effect.Effect<unknown, CallError> =>
  Effect.withFiber((fiber) =>
    Effect.callback((resume) => {
      const running = new RunningCall(client, request, origin, fiber, resume);
      return Effect.suspend(() => running.cancel());
    }),
  );

/** A call as a promise, which rejects with a {@link CallError}. */
export const promiseCall = (client: ClientContext, request: CallRequest, origin: CallOrigin): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const done = (exit: Exit.Exit<unknown, CallError>): void => {
      if (exit._tag === "Success") resolve(exit.value);
      else reject(asCallError(exit.cause, request.method));
    };
    void new RunningCall(client, request, origin, undefined, done);
  });
