/** One logical call: what was asked, until when, and where its time went. */
import { randomUUID } from "node:crypto";
import * as Cause from "effect/Cause";
import * as Exit from "effect/Exit";
import type { CallObserver } from "../contract/api/caller.ts";
import { maxTimerMs } from "../contract/validation/check-number.ts";
import type { RunnerTimings } from "../contract/wire/envelope.ts";
import type { CallError, Executed, FlameErrorContext } from "../contract/errors.ts";
import { FlameError, InvokeError } from "../contract/errors.ts";
import type { RunningInvocation } from "../contract/api/invocation.ts";
import type { CallOptions } from "../contract/config/options.ts";
import type { ResolvedConfig } from "../contract/config/resolve-config.ts";
import { isInstance, messageOf } from "../contract/thrown.ts";
import type { SpanFields, PhaseTimes } from "../telemetry/catalog.ts";
import type { HostContext, RetryDenialReason, SpanIds } from "../telemetry/telemetry.ts";
import type { Lease } from "./pool/lease.ts";

/** What a proxy asks for. */
export interface CallRequest {
  /** `service/method`. */
  readonly method: string;
  readonly args: ReadonlyArray<unknown>;
  /** Those of the service, the method and the call, merged. */
  readonly options: CallOptions;
  /** Set when the caller keeps an eye on the call. */
  readonly observer?: CallObserver | undefined;
}

/** Where a call hangs in the caller's telemetry. */
export interface CallOrigin {
  readonly host: HostContext | undefined;
  /** The invocation that the caller serves, if any. */
  readonly outer: RunningInvocation | undefined;
  /** Set when the call is to begin a trace of its own: the span that it links to. */
  readonly linkTo?: SpanIds | undefined;
  /** Set for the calls of a fan-out, which ends with `outer` as a whole. */
  readonly covered?: true | undefined;
}

/** A call that is under way. The stages it walks through write down what they learn. */
export interface Call {
  readonly method: string;
  readonly args: ReadonlyArray<unknown>;
  readonly options: CallOptions;
  readonly pool: string;
  readonly invocationId: string;
  readonly origin: CallOrigin;
  readonly observer: CallObserver | undefined;
  /** `performance.now()` at the start. */
  readonly startedAt: number;
  /** What the call was allowed, in milliseconds. */
  readonly timeoutMs: number;
  /** Milliseconds by phase, so far. */
  readonly phases: PhaseTimes;
  attempts: number;
  /** Attempts among them that were started beside a running one. */
  hedges: number;
  /** What is known of the handler from the attempts that ended so far without a result. */
  executed: Executed;
  /** Why it was not tried again, where its options allowed that. */
  refused: RetryDenialReason | undefined;
  /** The call that this is a copy of, while several attempts run at a time. */
  readonly parentCall: Call | undefined;
  coldStart: boolean;
  /** How the latest lease was got. */
  acquired: SpanFields;
  /** The lease that the running attempt holds. */
  lease: Lease | undefined;
  span: SpanIds | undefined;
}

/** The name of the pool that should run a call: the one it names, the first one with its labels, or the default one. */
export const poolFor = ({ pool, labels }: CallOptions, config: ResolvedConfig): string => {
  if (pool !== undefined || labels === undefined) return pool ?? config.defaultPool;
  const wanted = Object.entries(labels);
  for (const [name, candidate] of config.pools) {
    if (wanted.every(([label, value]) => candidate.labels[label] === value)) return name;
  }
  return `labels ${wanted.map(([label, value]) => `${label}=${value}`).join(",")}`;
};

/** Starts a call's clock. A call made inside a handler has no more time than that handler. */
export const startCall = (request: CallRequest, config: ResolvedConfig, origin: CallOrigin): Call => {
  const { outer } = origin;
  const own = request.options.timeoutMs ?? config.requestTimeoutMs;
  const inherited = (outer?.deadlineAt?.() ?? Infinity) - performance.now();
  return {
    method: request.method,
    args: request.args,
    options: request.options,
    pool: poolFor(request.options, config),
    invocationId: request.observer?.id ?? randomUUID(),
    origin,
    observer: request.observer,
    startedAt: performance.now(),
    timeoutMs: Math.max(0, Math.min(own, inherited, maxTimerMs)),
    phases: { acquire: 0, encode: 0, network: 0, runner_queue: 0, handler: 0, decode: 0, backoff: 0, other: 0 },
    attempts: 0,
    hedges: 0,
    executed: "no",
    refused: undefined,
    parentCall: undefined,
    coldStart: false,
    acquired: {},
    lease: undefined,
    span: undefined,
  };
};

/**
 * The signal of the invocation that made the call, with which the call ends. A detached call goes on without its caller, and
 * so does a job.
 */
export const inheritedSignal = ({ origin, options, observer }: Call): AbortSignal | undefined =>
  options.detached === true || observer !== undefined || origin.covered === true ? undefined : origin.outer?.signal;

/** Milliseconds left, never below zero. */
export const remainingMs = (call: Call): number => Math.max(0, call.startedAt + call.timeoutMs - performance.now());

/** Milliseconds that an attempt may take if it starts now. */
export const attemptMs = (call: Call): number => {
  const own = call.options.retry?.attemptTimeoutMs;
  return own === undefined ? remainingMs(call) : Math.min(own, remainingMs(call));
};

/** Gives an attempt its number: the next one of the whole call. */
export const countAttempt = (call: Call): void => {
  call.attempts = call.parentCall === undefined ? call.attempts + 1 : ++call.parentCall.attempts;
  if (call.attempts === 1) call.observer?.started();
};

/** What every error of this call should say. */
export const errorContext = (call: Call): FlameErrorContext => ({
  method: call.method,
  pool: call.pool,
  invocationId: call.invocationId,
  ...(call.attempts > 0 ? { attempt: call.attempts } : {}),
  elapsedMs: performance.now() - call.startedAt,
});

/** The error that an exit tells of, `undefined` for a success. */
export const errorOf = (exit: Exit.Exit<unknown, CallError>, call: Call): CallError | undefined => {
  if (Exit.isSuccess(exit)) return undefined;
  if (Cause.hasInterruptsOnly(exit.cause)) return canceled(call);
  const cause = Cause.squash(exit.cause);
  return isInstance(cause, FlameError)
    ? (cause as CallError)
    : new InvokeError("invoke_error", `${call.method}: an unexpected failure in the parent: ${messageOf(cause)}`, {
        ...errorContext(call),
        cause,
      });
};

/** The error of a call that its caller gave up, or that ended with the handler that made it. */
export const canceled = (call: Call, reason?: unknown): InvokeError =>
  new InvokeError(
    "canceled",
    `${call.method} was canceled ${inheritedSignal(call)?.aborted === true ? "with the handler that called it" : "by its caller"}.${call.options.detached === true && call.attempts > 0 ? " It is detached: a handler that was reached goes on until its deadline." : ""}`,
    {
      ...errorContext(call),
      executed: call.executed,
      ...(reason === undefined ? {} : { cause: reason }),
    },
  );

/** Books where the time of an exchange with a runner went, by what the runner measured. */
export const bookExchange = (call: Call, timings: RunnerTimings, exchangeMs: number): void => {
  const onRunner = Math.max(0, timings.sentMs - timings.receivedMs);
  const handler = Math.min(timings.handlerMs, onRunner, exchangeMs);
  const queue = Math.min(onRunner - handler, exchangeMs - handler);
  call.phases.handler += handler;
  call.phases.runner_queue += queue;
  call.phases.network += exchangeMs - handler - queue;
};

/** Closes the books: whatever no phase explains is `other`, so that the phases sum to the duration. */
export const closePhases = (call: Call, durationMs: number): PhaseTimes => {
  const { phases } = call;
  const explained =
    phases.acquire +
    phases.encode +
    phases.network +
    phases.runner_queue +
    phases.handler +
    phases.decode +
    phases.backoff;
  phases.other = Math.max(0, durationMs - explained);
  return phases;
};

/** What the span of a call says when the call is over. */
export const callFacts = (call: Call): SpanFields => ({
  attemptCount: call.attempts,
  retryRefused: call.refused,
  coldStart: call.coldStart,
  ...call.acquired,
  phaseAcquireMs: call.phases.acquire,
  phaseEncodeMs: call.phases.encode,
  phaseNetworkMs: call.phases.network,
  phaseRunnerQueueMs: call.phases.runner_queue,
  phaseHandlerMs: call.phases.handler,
  phaseDecodeMs: call.phases.decode,
  phaseBackoffMs: call.phases.backoff,
  phaseOtherMs: call.phases.other,
});
