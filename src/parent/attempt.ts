/** One attempt: signs the request, sends it to the leased runner, and reads the answer. */
import { Effect } from "effect";
import { clockOffset } from "../contract/clock-offset.ts";
import type { Codec } from "../contract/codec.ts";
import type { RequestHead, RunnerTimings } from "../contract/envelope.ts";
import type { CallError } from "../contract/errors.ts";
import { requestHeaders } from "../contract/headers.ts";
import type { ResolvedConfig } from "../contract/resolve-config.ts";
import type { Keyring } from "../contract/signature.ts";
import { signRequest } from "../contract/signature.ts";
import type { StageSpan, Telemetry } from "../telemetry/telemetry.ts";
import type { Call } from "./call.ts";
import { addressOf } from "./address.ts";
import { type AttemptCause, attemptFacts, type AttemptKind } from "./attempt-cause.ts";
import type { AttemptPlace } from "./attempt-errors.ts";
import { lost, placeContext, resultTooLarge, timedOut, unanswered } from "./attempt-errors.ts";
import { attemptMs, bookExchange, canceled } from "./call.ts";
import type { Lease, LostListener } from "./pool/lease.ts";
import { checkOversized, type OversizedReply, readReply, type Reply, type ReplyResult } from "./reply.ts";
import { requestHead } from "./request-head.ts";
import { responseLimit, ResponseTooLarge } from "./response-body.ts";
import type {
  BodyCheck,
  HttpExchange,
  HttpOutcome,
  HttpTransport,
  OversizedListener,
  ResponseStart,
} from "./transport.ts";

export interface AttemptDeps {
  readonly config: ResolvedConfig;
  readonly telemetry: Telemetry;
  readonly codec: Codec;
  readonly transport: HttpTransport;
  readonly keyring: Keyring;
}

/** Clock time in milliseconds with the resolution of the monotonic clock. */
const clockMs = (): number => performance.timeOrigin + performance.now();

/** An attempt while it runs. Each way it can end comes through {@link Attempt.end} once. */
class Attempt implements LostListener, OversizedListener {
  readonly #deps: AttemptDeps;
  readonly #call: Call;
  readonly #lease: Lease;
  readonly #kind: AttemptKind;
  readonly #span: StageSpan;
  readonly #resume: (effect: Effect.Effect<unknown, CallError>) => void;
  readonly #startedAt = performance.now();
  #request: RequestHead | undefined;
  #oversized: OversizedReply | undefined;
  #sentAt = 0;
  #sentClock = 0;
  #exchange: HttpExchange | undefined;
  #timeoutMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #left = false;
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

  start(body: Uint8Array): void {
    const timeoutMs = attemptMs(this.#call);
    this.#timeoutMs = timeoutMs;
    if (timeoutMs <= 0) {
      this.#fail(timedOut(this.#place(), false, this.#timeoutMs));
      return;
    }
    const head = requestHead(
      this.#call,
      this.#lease.runner,
      this.#deps.keyring.signing.id,
      this.#span.carrier,
      timeoutMs,
    );
    this.#request = head;
    const headers = requestHeaders(head, signRequest(head, body, this.#deps.keyring.signing));
    headers["content-type"] = "application/json";
    this.#sentAt = performance.now();
    this.#sentClock = clockMs();
    this.#call.phases.encode += this.#sentAt - this.#startedAt;
    this.#timer = setTimeout(() => this.#deadline(), timeoutMs);
    this.#lease.onLost(this);
    if (this.#span.ids?.sampled === true) this.#booked = this.#lease.runner.spans.sent();
    this.#exchange = this.#deps.transport.send(
      {
        url: this.#lease.runner.url,
        path: this.#deps.config.invokePath,
        headers,
        body,
        maxResponseBytes: responseLimit(this.#deps.config.maxBodyBytes),
        oversized: this,
      },
      (outcome) => this.#answered(head, outcome),
    );
  }

  /** The runner is gone. */
  lost(reason: string): void {
    this.#exchange?.abort();
    this.#bookUnanswered("network");
    this.#fail(lost(this.#place(), reason));
  }

  /** The caller wants no answer any more. Detached work that was sent goes on, and is awaited here in the caller's place. */
  cancel(): void {
    if (this.#ended) return;
    if (this.#call.options.detached === true && this.#exchange?.sent === true) {
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

  #answered(head: RequestHead, outcome: HttpOutcome): void {
    const answeredAt = performance.now();
    const answeredClock = clockMs();
    if (this.#left) {
      if ("failure" in outcome && !(outcome.failure.cause instanceof ResponseTooLarge)) this.#lease.suspect();
      this.#end(undefined);
      return;
    }
    if ("failure" in outcome) {
      if (outcome.failure.cause instanceof ResponseTooLarge) {
        this.#refuseResult(outcome.failure.cause.bytes, answeredAt, answeredClock);
        return;
      }
      this.#bookUnanswered("network");
      this.#lease.suspect();
      this.#fail(unanswered(this.#place(), outcome.failure));
      return;
    }
    this.#lease.answered();
    const reply = readReply({
      request: head,
      response: outcome.response,
      url: this.#lease.runner.url,
      keyring: this.#deps.keyring,
      codec: this.#deps.codec,
      maxResultBytes: this.#deps.config.maxBodyBytes,
      context: () => placeContext(this.#place()),
    });
    if (reply.timings === undefined) this.#call.phases.network += answeredAt - this.#sentAt;
    else this.#learn(reply.timings, answeredAt, answeredClock);
    const { result } = reply;
    if (result instanceof Promise) void result.then((read) => this.#reply(reply, read, answeredAt));
    else this.#reply(reply, result, answeredAt);
  }

  /** An answer comes in that is too large to be kept. */
  startCheck(response: ResponseStart, bodyLength: number): BodyCheck | undefined {
    this.#oversized = checkOversized(this.#request!, response, bodyLength, this.#deps.keyring);
    return this.#oversized?.check;
  }

  /** The answer was too large to be kept. That the handler ran is only believed of a signature that holds. */
  #refuseResult(bytes: number | undefined, answeredAt: number, answeredClock: number): void {
    const oversized = bytes !== undefined && this.#oversized?.check.holds() === true ? this.#oversized : undefined;
    if (oversized === undefined) this.#bookUnanswered("network");
    else {
      this.#lease.answered();
      this.#learn(oversized.head.timings, answeredAt, answeredClock);
    }
    const known = oversized?.head.outcome === "ok" ? bytes : undefined;
    this.#fail(resultTooLarge(this.#call.method, known, this.#deps.config.maxBodyBytes, placeContext(this.#place())));
  }

  /** Takes what the signed answer tells of the runner: phases, clock, spans. */
  #learn(timings: RunnerTimings, answeredAt: number, answeredClock: number): void {
    const offsetMs = clockOffset({
      sentMs: this.#sentClock,
      receivedMs: timings.receivedMs,
      repliedMs: timings.sentMs,
      answeredMs: answeredClock,
    });
    bookExchange(this.#call, timings, answeredAt - this.#sentAt);
    this.#span.note({ clockOffsetMs: offsetMs });
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
    this.#span.note({ responseBytes: reply.bytes });
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
    const sent = this.#exchange?.sent === true;
    this.#exchange?.abort();
    this.#bookUnanswered(sent ? "handler" : "network");
    if (sent) this.#lease.timedOut();
    this.#fail(timedOut(this.#place(), sent, this.#timeoutMs));
  }

  #bookUnanswered(phase: "network" | "handler"): void {
    if (this.#sentAt > 0 && !this.#left) this.#call.phases[phase] += performance.now() - this.#sentAt;
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
    this.#lease.release();
    if (this.#left) return false;
    this.#tell(error);
    return true;
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
