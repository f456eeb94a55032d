/** One attempt: acquires a lease, signs and sends the request, and reads the response. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { wallClockMs, clockOffset } from "../contract/wire/clock.ts";
import type { RequestHead, RunnerTimings } from "../contract/wire/envelope.ts";
import { type CallError, executedByEither, type FlameErrorContext } from "../contract/errors.ts";
import { newNonce } from "../contract/wire/headers.ts";
import type { AnyFiber, StageSpan } from "../telemetry/telemetry.ts";
import { acquire } from "./acquire.ts";
import { type AttemptCause, attemptFields, type AttemptKind } from "./attempt-cause.ts";
import {
  lost,
  noSecret,
  runnerContext,
  timedOut,
  unanswered,
  unknownPool,
  type AttemptSite,
} from "./attempt-errors.ts";
import {
  attemptMs,
  type Call,
  canceled,
  countAttempt,
  inheritedSignal,
  type PoolContext,
  remainingMs,
} from "./call.ts";
import { localAttempt } from "./local-attempt.ts";
import { exitEventMs, type Lease, type LeasedRunner, type LostListener, type LostRunner } from "./pool/lease.ts";
import { type AttemptResponse, type OversizedResponse, type ResponseResult, resultTooLarge } from "./read-response.ts";
import { type RunnerExchangeDeps, type RunnerOutcome, type RunnerRequest, RunnerExchange } from "./runner-exchange.ts";
import { ResponseTooLarge } from "./transport/response-body.ts";
import type { HttpFailure } from "./transport/transport.ts";

/** An attempt in progress. It ends once, in {@link RunnerAttempt.#end}. */
class RunnerAttempt implements LostListener, RunnerRequest {
  readonly #call: Call;
  readonly #lease: Lease;
  readonly #kind: AttemptKind;
  readonly #span: StageSpan;
  readonly #done: (exit: Exit.Exit<unknown, CallError>) => void;
  readonly #startedAt = performance.now();
  readonly #exchange: RunnerExchange;
  readonly runner: LeasedRunner;
  readonly body: Uint8Array;
  readonly site: AttemptSite;
  #sentAt = 0;
  /** Why there is no response, while the exit event of the runner is awaited. */
  #failure: HttpFailure | undefined;
  #timeoutMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  /** Whether the caller has left, and the handler goes on: the call is detached. */
  #detached = false;
  /** Whether the handler that made the call was aborted. */
  #callerAborted = false;
  /**
   * The generation in the runner's span accounting, as long as this attempt is open there. Set where spans are
   * recorded.
   */
  #spanGeneration: number | undefined;

  constructor(
    call: Call,
    deps: RunnerExchangeDeps,
    lease: Lease,
    kind: AttemptKind,
    span: StageSpan,
    done: (exit: Exit.Exit<unknown, CallError>) => void,
  ) {
    this.#call = call;
    this.#lease = lease;
    this.#kind = kind;
    this.#span = span;
    this.#done = done;
    this.runner = lease.runner;
    this.body = call.body;
    this.site = { call, runner: lease.runner };
    this.#exchange = new RunnerExchange(deps, this);
  }

  start(): void {
    const call = this.#call;
    const timeoutMs = attemptMs(call);
    this.#timeoutMs = timeoutMs;
    if (timeoutMs <= 0) {
      this.#fail(timedOut(this.site, false, timeoutMs));
      return;
    }
    const stepMs = this.#exchange.deps.clock.look();
    if (stepMs !== undefined) {
      call.client.telemetry.emit({ _tag: "ClockStepped", pool: call.pool, runnerId: undefined, stepMs });
    }
    this.#timer = setTimeout(() => this.#onDeadline(), timeoutMs);
    this.#lease.addListener(this);
    if (this.#span.ids?.sampled === true) this.#spanGeneration = this.runner.spans.sent();
    this.#exchange.send();
    this.#sentAt = this.#exchange.sentAt;
    call.phases.encode += this.#sentAt - this.#startedAt;
  }

  context(): FlameErrorContext {
    return runnerContext(this.site);
  }

  onLost(reason: string, runner: LostRunner | undefined): void {
    this.#exchange.abort();
    this.#addUnanswered("network");
    this.#fail(lost(this.site, reason, runner, this.#failure));
  }

  /** The caller has canceled the call. A detached handler that was reached goes on, and the attempt waits for it. */
  cancel(): void {
    if (this.#ended) return;
    const call = this.#call;
    this.#callerAborted = inheritedSignal(call)?.aborted === true;
    const { reached } = this.#exchange;
    if (reached) call.executed = executedByEither(call.executed, "unknown");
    if (call.options.detached === true && reached && this.#failure === undefined) {
      this.#addUnanswered("handler");
      this.#detached = true;
      call.lease = undefined;
      this.#emitEnded(canceled(call));
    } else {
      this.#exchange.abort();
      this.#addUnanswered(this.#exchange.sent ? "handler" : "network");
      this.#end(canceled(call));
    }
    this.#span.end(Exit.interrupt());
  }

  head(audience: string, createdMs: number): RequestHead {
    const { method, invocationId, attempts, options } = this.#call;
    const { detached, idempotencyKey } = options;
    return {
      ...this.#span.carrier,
      method,
      invocationId,
      attempt: attempts,
      audience,
      keyId: this.#exchange.deps.keyring.signing.id,
      createdMs,
      nonce: newNonce(),
      timeoutMs: Math.max(1, Math.ceil(this.#startedAt + this.#timeoutMs - performance.now())),
      ...(detached === true ? { detached } : {}),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    };
  }

  onOutcome(outcome: RunnerOutcome): void {
    if (this.#detached) {
      if ("failure" in outcome && !(outcome.failure.cause instanceof ResponseTooLarge)) this.#lease.suspect();
      this.#end(undefined);
      return;
    }
    if ("failure" in outcome) return this.#onFailure(outcome.failure, outcome.oversized);
    this.#lease.answered();
    const { response } = outcome;
    const { result, timings } = response;
    const { sentAt, answeredAt } = this.#exchange;
    if (timings === undefined) this.#call.phases.network += answeredAt - this.#sentAt;
    else this.#learn(timings, sentAt, answeredAt);
    if (result instanceof Promise) void result.then((read) => this.#complete(response, read, answeredAt));
    else this.#complete(response, result, answeredAt);
  }

  /** The exchange failed. If the runner has exited, its backend soon reports how, and the pool calls {@link onLost}. */
  #onFailure(failure: HttpFailure, oversized: OversizedResponse | undefined): void {
    if (failure.cause instanceof ResponseTooLarge) return this.#rejectOversized(failure.cause.bytes, oversized);
    this.#failure = failure;
    this.#addUnanswered("network");
    this.#lease.suspect();
    if (this.#ended) return;
    if (!failure.sent || this.runner.exited === undefined) return this.#onDeadline();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onDeadline(), Math.min(exitEventMs, remainingMs(this.#call)));
  }

  /** The response was too large to keep. Only a valid signature proves that the handler ran. */
  #rejectOversized(bytes: number | undefined, oversized: OversizedResponse | undefined): void {
    if (oversized === undefined) this.#addUnanswered("network");
    else {
      this.#lease.answered();
      this.#learn(oversized.head.timings, this.#exchange.sentAt, this.#exchange.answeredAt);
    }
    const known = oversized?.head.outcome === "ok" ? bytes : undefined;
    const { maxBodyBytes } = this.#exchange.deps.config;
    this.#fail(resultTooLarge(this.#call.method, known, maxBodyBytes, runnerContext(this.site)));
  }

  /** Takes phases, clock offset and spans from the timings of a signed response. */
  #learn(timings: RunnerTimings, sentAt: number, answeredAt: number): void {
    const { phases, pool, client } = this.#call;
    const exchangeMs = answeredAt - sentAt;
    const onRunnerMs = Math.max(0, timings.sentMs - timings.receivedMs);
    const handlerMs = Math.min(timings.handlerMs, onRunnerMs, exchangeMs);
    const queueMs = Math.min(onRunnerMs - handlerMs, exchangeMs - handlerMs);
    phases.handler += handlerMs;
    phases.runner_queue += queueMs;
    phases.network += sentAt - this.#sentAt + (exchangeMs - handlerMs - queueMs);

    const answeredMs = wallClockMs() - (performance.now() - answeredAt);
    const offsetMs = clockOffset({
      sentMs: answeredMs - exchangeMs,
      receivedMs: timings.receivedMs,
      repliedMs: timings.sentMs,
      answeredMs,
    });
    this.#span.setAttributes({ clockOffsetMs: offsetMs });
    client.telemetry.emit({ _tag: "ClockOffset", pool, offsetMs });

    const { spans } = this.runner;
    if (this.#spanGeneration === undefined) spans.learn(timings, this.#sentAt);
    else spans.answered(this.#spanGeneration, timings, this.#sentAt);
    this.#spanGeneration = undefined;
  }

  #complete(response: AttemptResponse, result: ResponseResult, answeredAt: number): void {
    if (this.#ended) return;
    const { phases, pool, client } = this.#call;
    phases.decode += performance.now() - answeredAt;
    this.#span.setAttributes({ responseBytes: response.bytes });
    if (response.rejected !== undefined) {
      client.telemetry.emit({ _tag: "SignatureRejected", pool, ...response.rejected });
    }
    if ("error" in result) {
      const { code, executed } = result.error;
      if (code === "unavailable" && executed === "no") this.#lease.refused(result.draining === true);
      this.#fail(result.error);
    } else {
      this.#end(undefined, Exit.succeed(result.value));
    }
  }

  #onDeadline(): void {
    if (this.#failure !== undefined) return this.#fail(unanswered(this.site, this.#failure));
    const { sent } = this.#exchange;
    this.#exchange.abort();
    this.#addUnanswered(sent ? "handler" : "network");
    if (sent) this.#lease.timedOut();
    this.#fail(timedOut(this.site, sent, this.#timeoutMs));
  }

  /** Adds the time without a response to a phase. */
  #addUnanswered(phase: "network" | "handler"): void {
    if (this.#sentAt === 0 || this.#detached) return;
    this.#call.phases[phase] += performance.now() - this.#sentAt;
    this.#sentAt = performance.now();
  }

  #fail(error: CallError): void {
    this.#end(error, Exit.fail(error));
  }

  /** Releases what the attempt holds, and reports its end. Without an exit, no caller waits for it. */
  #end(error: CallError | undefined, exit?: Exit.Exit<unknown, CallError>): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#lease.removeListener(this);
    if (this.#spanGeneration !== undefined) {
      if (this.#exchange.sent) this.runner.spans.abandoned(this.#spanGeneration);
      else this.runner.spans.unsent(this.#spanGeneration);
      this.#spanGeneration = undefined;
    }
    if (this.#callerAborted) this.#releaseLater();
    else this.#lease.release();
    if (this.#detached) return;
    this.#emitEnded(error);
    if (exit === undefined) return;
    this.#span.end(exit);
    this.#done(exit);
  }

  /**
   * Releases the lease one turn later: an aborted handler cancels many calls, and those that wait leave the queue
   * first.
   */
  #releaseLater(): void {
    this.#call.lease = undefined;
    setImmediate(() => this.#lease.release());
  }

  #emitEnded(error: CallError | undefined): void {
    const { client, method, pool } = this.#call;
    client.telemetry.emit({
      _tag: "AttemptEnded",
      method,
      pool,
      kind: this.#kind,
      durationMs: performance.now() - this.#startedAt,
      error,
      span: this.#span.ids,
    });
  }
}

/** An attempt that can be canceled. `done` is not called then. */
export interface RunningAttempt {
  cancel(): void;
}

/**
 * Starts an attempt on the leased runner, which releases the lease.
 *
 * @param fiber the fiber that it is in, if any
 * @param outer the stage that it is in, if it is not the one of the fiber
 * @param done Called once, and never before this returns unless the time is over.
 */
export const startAttempt = (
  call: Call,
  exchange: RunnerExchangeDeps,
  lease: Lease,
  cause: AttemptCause,
  fiber: AnyFiber | undefined,
  outer: StageSpan | undefined,
  done: (exit: Exit.Exit<unknown, CallError>) => void,
): RunningAttempt => {
  countAttempt(call);
  const facts = attemptFields(call, cause, lease.runner);
  const span = call.client.telemetry.begin({ _tag: "attempt", host: call.origin.host, facts }, fiber, outer);
  const attempt = new RunnerAttempt(call, exchange, lease, cause.kind, span, done);
  attempt.start();
  return attempt;
};

/** Makes one attempt on the leased runner, and releases the lease. */
export const attemptOn = (
  call: Call,
  { exchange }: PoolContext,
  lease: Lease,
  cause: AttemptCause,
): Effect.Effect<unknown, CallError> =>
  exchange === undefined
    ? Effect.fail(noSecret(call))
    : Effect.withFiber((fiber) =>
        Effect.callback((resume) => {
          const running = startAttempt(call, exchange, lease, cause, fiber, undefined, resume);
          return Effect.sync(() => running.cancel());
        }),
      );

/** Makes one attempt: in this process in local mode, otherwise on a runner of the pool, if possible not on `avoid`. */
export const attempt = (
  call: Call,
  cause: AttemptCause,
  avoid: string | undefined,
): Effect.Effect<unknown, CallError> => {
  const { client, poolContext } = call;
  if (client.local !== undefined) return localAttempt(client.local, call, cause);
  if (poolContext === undefined) return Effect.fail(unknownPool(call));
  if (poolContext.exchange === undefined) return Effect.fail(noSecret(call));
  return attemptWith(call, poolContext, acquire(call, poolContext.pool, avoid), cause);
};

/** Makes one attempt with a lease, or as soon as there is one. */
export const attemptWith = (
  call: Call,
  poolContext: PoolContext,
  lease: Lease | Effect.Effect<Lease, CallError>,
  cause: AttemptCause,
): Effect.Effect<unknown, CallError> =>
  Effect.isEffect(lease)
    ? Effect.flatMap(lease, (granted) => attemptOn(call, poolContext, granted, cause))
    : attemptOn(call, poolContext, lease, cause);
