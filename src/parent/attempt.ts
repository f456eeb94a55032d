/** One attempt: signs the request, sends it to the leased runner, and reads the answer. */
import * as Effect from "effect/Effect";
import { wallClockMs, clockOffset } from "../contract/wire/clock.ts";
import type { RequestHead, RunnerTimings } from "../contract/wire/envelope.ts";
import { type CallError, executedByEither, type FlameErrorContext } from "../contract/errors.ts";
import { newNonce } from "../contract/wire/headers.ts";
import type { StageSpan, Telemetry } from "../telemetry/telemetry.ts";
import { type Call, attemptMs, bookExchange, canceled, inheritedSignal, remainingMs } from "./run-call.ts";
import { addressOf } from "./transport/server-address.ts";
import { type AttemptCause, attemptFacts, type AttemptKind } from "./attempt-cause.ts";
import { type AttemptPlace, lost, placeContext, resultTooLarge, timedOut, unanswered } from "./attempt-errors.ts";
import { exitNewsMs, type Lease, type LeasedRunner, type LostListener, type LostRunner } from "./pool/lease.ts";
import type { OversizedReply, Reply, ReplyResult } from "./read-response.ts";
import { ResponseTooLarge } from "./transport/response-body.ts";
import { type RunnerExchangeDeps, type RunnerOutcome, type RunnerRequest, RunnerExchange } from "./runner-exchange.ts";
import type { HttpFailure } from "./transport/transport.ts";

export interface AttemptDeps extends RunnerExchangeDeps {
  readonly telemetry: Telemetry;
}

const nothing = new Uint8Array(0);

/** An attempt while it runs. Each way it can end comes through {@link Attempt.end} once. */
class Attempt implements LostListener, RunnerRequest {
  readonly #deps: AttemptDeps;
  readonly #call: Call;
  readonly #lease: Lease;
  readonly #kind: AttemptKind;
  readonly #span: StageSpan;
  readonly #resume: (effect: Effect.Effect<unknown, CallError>) => void;
  readonly #startedAt = performance.now();
  #sentAt = 0;
  #exchange: RunnerExchange | undefined;
  /** Why there is no answer, while the end of the runner is awaited. */
  #failure: HttpFailure | undefined;
  #timeoutMs = 0;
  body: Uint8Array = nothing;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #left = false;
  /** Whether the handler that made the call was aborted. */
  #givenUp = false;
  /** How the runner's book knows this attempt, as long as it is open there; only where spans are recorded. */
  #booked: number | undefined;

  constructor(
    deps: AttemptDeps,
    call: Call,
    lease: Lease,
    kind: AttemptKind,
    span: StageSpan,
    resume: (effect: Effect.Effect<unknown, CallError>) => void,
  ) {
    this.#deps = deps;
    this.#call = call;
    this.#lease = lease;
    this.#kind = kind;
    this.#span = span;
    this.#resume = resume;
  }

  get runner(): LeasedRunner {
    return this.#lease.runner;
  }

  start(body: Uint8Array): void {
    this.body = body;
    const timeoutMs = attemptMs(this.#call);
    this.#timeoutMs = timeoutMs;
    if (timeoutMs <= 0) {
      this.#fail(timedOut(this.#place(), false, this.#timeoutMs));
      return;
    }
    const stepMs = this.#deps.clock.look();
    if (stepMs !== undefined) {
      this.#deps.telemetry.emit({ _tag: "ClockStepped", pool: this.#call.pool, runnerId: undefined, stepMs });
    }
    this.#timer = setTimeout(() => this.#deadline(), timeoutMs);
    this.#lease.onLost(this);
    if (this.#span.ids?.sampled === true) this.#booked = this.#lease.runner.spans.sent();
    this.#exchange = new RunnerExchange(this.#deps, this);
    this.#exchange.send();
    this.#sentAt = this.#exchange.sentAt;
    this.#call.phases.encode += this.#sentAt - this.#startedAt;
  }

  context(): FlameErrorContext {
    return placeContext(this.#place());
  }

  /** The runner is gone. */
  lost(reason: string, runner: LostRunner | undefined): void {
    this.#exchange?.abort();
    this.#bookUnanswered("network");
    this.#fail(lost(this.#place(), reason, runner, this.#failure));
  }

  /** The caller wants no answer any more. Detached work that was sent goes on, and is awaited here in the caller's place. */
  cancel(): void {
    if (this.#ended) return;
    this.#givenUp = inheritedSignal(this.#call)?.aborted === true;
    const reached = this.#exchange?.reached === true;
    if (reached) this.#call.executed = executedByEither(this.#call.executed, "unknown");
    if (this.#call.options.detached === true && reached && this.#failure === undefined) {
      this.#bookUnanswered("handler");
      this.#left = true;
      this.#call.lease = undefined;
      this.#tell(canceled(this.#call));
      return;
    }
    this.#exchange?.abort();
    this.#bookUnanswered(this.#exchange?.sent === true ? "handler" : "network");
    this.#end(canceled(this.#call));
  }

  head(audience: string, createdMs: number): RequestHead {
    const { detached, idempotencyKey } = this.#call.options;
    return {
      ...this.#span.carrier,
      method: this.#call.method,
      invocationId: this.#call.invocationId,
      attempt: this.#call.attempts,
      audience,
      keyId: this.#deps.keyring.signing.id,
      createdMs,
      nonce: newNonce(),
      timeoutMs: Math.max(1, Math.ceil(this.#startedAt + this.#timeoutMs - performance.now())),
      ...(detached === true ? { detached } : {}),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    };
  }

  answered(outcome: RunnerOutcome): void {
    if (this.#left) {
      if ("failure" in outcome && !(outcome.failure.cause instanceof ResponseTooLarge)) this.#lease.suspect();
      this.#end(undefined);
      return;
    }
    if ("failure" in outcome) return this.#broken(outcome.failure, outcome.oversized);
    this.#lease.answered();
    const { reply } = outcome;
    const { sentAt, answeredAt } = this.#exchange!;
    if (reply.timings === undefined) this.#call.phases.network += answeredAt - this.#sentAt;
    else this.#learn(reply.timings, sentAt, answeredAt);
    const { result } = reply;
    if (result instanceof Promise) void result.then((read) => this.#reply(reply, read, answeredAt));
    else this.#reply(reply, result, answeredAt);
  }

  /** The exchange failed. If the runner has ended with the call, its backend soon says how, and the pool calls {@link lost}. */
  #broken(failure: HttpFailure, oversized: OversizedReply | undefined): void {
    if (failure.cause instanceof ResponseTooLarge) return this.#refuseResult(failure.cause.bytes, oversized);
    this.#failure = failure;
    this.#bookUnanswered("network");
    this.#lease.suspect();
    if (this.#ended) return;
    if (!failure.sent || this.#lease.runner.exited === undefined) return this.#deadline();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#deadline(), Math.min(exitNewsMs, remainingMs(this.#call)));
  }

  /** The answer was too large to be kept. That the handler ran is only believed of a signature that holds. */
  #refuseResult(bytes: number | undefined, oversized: OversizedReply | undefined): void {
    if (oversized === undefined) this.#bookUnanswered("network");
    else {
      this.#lease.answered();
      this.#learn(oversized.head.timings, this.#exchange!.sentAt, this.#exchange!.answeredAt);
    }
    const known = oversized?.head.outcome === "ok" ? bytes : undefined;
    this.#fail(resultTooLarge(this.#call.method, known, this.#deps.config.maxBodyBytes, placeContext(this.#place())));
  }

  /** Takes what the signed answer tells of the runner: phases, clock, spans. */
  #learn(timings: RunnerTimings, sentAt: number, answeredAt: number): void {
    const answeredMs = wallClockMs() - (performance.now() - answeredAt);
    const offsetMs = clockOffset({
      sentMs: answeredMs - (answeredAt - sentAt),
      receivedMs: timings.receivedMs,
      repliedMs: timings.sentMs,
      answeredMs,
    });
    this.#call.phases.network += sentAt - this.#sentAt;
    bookExchange(this.#call, timings, answeredAt - sentAt);
    this.#span.setAttributes({ clockOffsetMs: offsetMs });
    this.#deps.telemetry.emit({ _tag: "ClockOffset", pool: this.#call.pool, offsetMs });
    const { spans } = this.#lease.runner;
    if (this.#booked === undefined) spans.learn(timings, this.#sentAt);
    else spans.answered(this.#booked, timings, this.#sentAt);
    this.#booked = undefined;
  }

  /** Without an answer to tell of them, the runner's spans of this attempt are there or not. */
  #closeBook(): void {
    if (this.#booked === undefined) return;
    const { spans } = this.#lease.runner;
    if (this.#exchange?.sent === true) spans.abandoned(this.#booked);
    else spans.unsent(this.#booked);
    this.#booked = undefined;
  }

  #reply(reply: Reply, result: ReplyResult, answeredAt: number): void {
    if (this.#ended) return;
    this.#call.phases.decode += performance.now() - answeredAt;
    this.#span.setAttributes({ responseBytes: reply.bytes });
    if (reply.rejected !== undefined) {
      this.#deps.telemetry.emit({ _tag: "SignatureRejected", pool: this.#call.pool, ...reply.rejected });
    }
    if ("error" in result) {
      const { code, executed } = result.error;
      if (code === "unavailable" && executed === "no") this.#lease.refused(result.draining === true);
      this.#fail(result.error);
    } else if (this.#end(undefined)) {
      this.#resume(Effect.succeed(result.value));
    }
  }

  #deadline(): void {
    if (this.#failure !== undefined) return this.#fail(unanswered(this.#place(), this.#failure));
    const sent = this.#exchange?.sent === true;
    this.#exchange?.abort();
    this.#bookUnanswered(sent ? "handler" : "network");
    if (sent) this.#lease.timedOut();
    this.#fail(timedOut(this.#place(), sent, this.#timeoutMs));
  }

  #bookUnanswered(phase: "network" | "handler"): void {
    if (this.#sentAt === 0 || this.#left) return;
    this.#call.phases[phase] += performance.now() - this.#sentAt;
    this.#sentAt = performance.now();
  }

  #place(): AttemptPlace {
    return { call: this.#call, runner: this.#lease.runner };
  }

  #fail(error: CallError): void {
    if (this.#end(error)) this.#resume(Effect.fail(error));
  }

  /** Gives back what the attempt holds, the lease included, and tells of it. `false` if nobody waits for it. */
  #end(error: CallError | undefined): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#lease.forget(this);
    this.#closeBook();
    if (this.#givenUp) this.#releaseLater();
    else this.#lease.release();
    if (this.#left) return false;
    this.#tell(error);
    return true;
  }

  /** Gives the lease back a turn later: handlers are aborted many at a time, and first all of their calls leave the queue for it. */
  #releaseLater(): void {
    this.#call.lease = undefined;
    setImmediate(() => this.#lease.release());
  }

  #tell(error: CallError | undefined): void {
    const { ids } = this.#span;
    this.#deps.telemetry.emit({
      _tag: "AttemptEnded",
      method: this.#call.method,
      pool: this.#call.pool,
      kind: this.#kind,
      durationMs: performance.now() - this.#startedAt,
      error,
      span: ids,
    });
  }
}

/** Runs one attempt on the leased runner, and gives the lease back. */
export const attempt = (
  deps: AttemptDeps,
  call: Call,
  lease: Lease,
  body: Uint8Array,
  cause: AttemptCause,
): Effect.Effect<unknown, CallError> =>
  deps.telemetry.stage(
    {
      _tag: "attempt",
      host: call.origin.host,
      facts: { ...attemptFacts(call, body, cause), runnerId: lease.runner.id, ...addressOf(lease.runner.url) },
    },
    (span) =>
      Effect.callback((resume) => {
        const running = new Attempt(deps, call, lease, cause.kind, span, resume);
        running.start(body);
        return Effect.sync(() => running.cancel());
      }),
  );
