/**
 * The state of one logical call. Every stage receives it, reads from it what it needs, and records in it what it
 * learns.
 */
import { randomUUID } from "node:crypto";
import * as Cause from "effect/Cause";
import * as Exit from "effect/Exit";
import type { CallObserver } from "../contract/api/caller.ts";
import type { RunningInvocation } from "../contract/api/invocation.ts";
import type { Codec } from "../contract/codec/codec.ts";
import type { CallOptions } from "../contract/config/options.ts";
import type { ResolvedConfig } from "../contract/config/resolve-config.ts";
import { type CallError, type Executed, FlameError, type FlameErrorContext, InvokeError } from "../contract/errors.ts";
import { isInstance, messageOf } from "../contract/thrown.ts";
import { maxTimerMs } from "../contract/validation/check-number.ts";
import type { Dispatcher } from "../contract/wire/dispatcher.ts";
import type { PhaseTimes, SpanFields } from "../telemetry/catalog.ts";
import type { HostContext, RetryDenialReason, SpanIds, Telemetry } from "../telemetry/telemetry.ts";
import type { AcquireRequest, Lease } from "./pool/lease.ts";
import type { Pool } from "./pool/pool.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { RunnerExchangeDeps } from "./runner-exchange.ts";

/** What the calls of a pool share. */
export interface PoolContext {
  readonly pool: Pool;
  readonly retryBudget: RetryBudget | undefined;
  /** Whether the pool may have more than one runner. */
  readonly multipleRunners: boolean;
  /** How requests are sent to its runners. `undefined` without a secret to sign with. */
  readonly exchange: RunnerExchangeDeps | undefined;
}

/** What the calls of a client share. */
export interface ClientContext {
  readonly config: ResolvedConfig;
  readonly telemetry: Telemetry;
  readonly codec: Codec;
  /** Runs every call in this process, in place of a pool: local mode. */
  readonly local: Dispatcher | undefined;
  /** By name. Empty in local mode. */
  readonly pools: ReadonlyMap<string, PoolContext>;
}

/** A call as a remote method requests it. */
export interface CallRequest {
  /** `service/method`. */
  readonly method: string;
  readonly args: ReadonlyArray<unknown>;
  /** The options of the service, the method and the call, merged. */
  readonly options: CallOptions;
  /** Receives the progress of the call. */
  readonly observer?: CallObserver | undefined;
}

/** Where in the caller's telemetry a call was made. */
export interface CallOrigin {
  readonly host: HostContext | undefined;
  /** The invocation whose handler made the call. */
  readonly outer: RunningInvocation | undefined;
  /** Starts a new trace that links to this span. */
  readonly linkTo?: SpanIds | undefined;
  /** Set for calls of a fan-out, which as a whole is canceled with `outer`. */
  readonly covered?: true | undefined;
}

/** A call in progress. */
export interface Call extends AcquireRequest {
  readonly client: ClientContext;
  readonly method: string;
  readonly args: ReadonlyArray<unknown>;
  readonly options: CallOptions;
  readonly pool: string;
  /** `undefined` in local mode, and for a pool that does not exist. */
  readonly poolContext: PoolContext | undefined;
  readonly invocationId: string;
  readonly origin: CallOrigin;
  readonly observer: CallObserver | undefined;
  /** `performance.now()` at the start. */
  readonly startedAt: number;
  /** The time that the call has, in milliseconds. */
  readonly timeoutMs: number;
  /** `performance.now()` at which that time is over. */
  readonly deadlineAt: number;
  /** Milliseconds by phase, so far. */
  readonly phases: PhaseTimes;
  /** The encoded arguments. */
  body: Uint8Array;
  attempts: number;
  /** Attempts that were started while another one was running. */
  hedges: number;
  /** What the failed attempts so far tell about the handler. */
  executed: Executed;
  /** Whether the running attempt is a retry that took a token of the pool's retry budget. */
  tookRetryToken: boolean;
  /** Why there was no further attempt, although the options allowed one. */
  retryDenied: RetryDenialReason | undefined;
  /** The call that this is a copy of, while several attempts run at the same time. */
  readonly parentCall: Call | undefined;
  coldStart: boolean;
  /** How the latest lease was acquired. */
  acquired: SpanFields;
  /** The lease that the running attempt holds. */
  lease: Lease | undefined;
  span: SpanIds | undefined;
}

const poolByLabels = (labels: NonNullable<CallOptions["labels"]>, config: ResolvedConfig): string => {
  const wanted = Object.entries(labels);
  for (const [name, candidate] of config.pools) {
    if (wanted.every(([label, value]) => candidate.labels[label] === value)) return name;
  }
  return `labels ${wanted.map(([label, value]) => `${label}=${value}`).join(",")}`;
};

/** The name of the pool that runs a call: the one it names, the first one with its labels, or the default pool. */
export const poolFor = ({ pool, labels }: CallOptions, config: ResolvedConfig): string =>
  pool ?? (labels === undefined ? config.defaultPool : poolByLabels(labels, config));

const noBody = new Uint8Array(0);

/** Starts the clock of a call. A call made inside a handler has at most the time that is left to that handler. */
export const startCall = (client: ClientContext, request: CallRequest, origin: CallOrigin): Call => {
  const { options, observer } = request;
  const pool =
    options.pool ?? (options.labels === undefined ? client.config.defaultPool : poolFor(options, client.config));
  const startedAt = performance.now();
  const inheritedMs = (origin.outer?.deadlineAt?.() ?? Infinity) - startedAt;
  const timeoutMs = Math.max(0, Math.min(options.timeoutMs ?? client.config.requestTimeoutMs, inheritedMs, maxTimerMs));
  return {
    client,
    method: request.method,
    args: request.args,
    options,
    pool,
    poolContext: client.pools.get(pool),
    invocationId: observer?.id ?? randomUUID(),
    origin,
    observer,
    startedAt,
    timeoutMs,
    deadlineAt: startedAt + timeoutMs,
    phases: { acquire: 0, encode: 0, network: 0, runner_queue: 0, handler: 0, decode: 0, backoff: 0, other: 0 },
    body: noBody,
    attempts: 0,
    hedges: 0,
    executed: "no",
    tookRetryToken: false,
    retryDenied: undefined,
    parentCall: undefined,
    coldStart: false,
    acquired: {},
    lease: undefined,
    span: undefined,
  };
};

/** The signal of the handler that made the call. Aborting it cancels the call, unless the call is detached or a job. */
export const inheritedSignal = ({ origin, options, observer }: Call): AbortSignal | undefined =>
  options.detached === true || observer !== undefined || origin.covered === true ? undefined : origin.outer?.signal;

/** Milliseconds left, never below zero. */
export const remainingMs = (call: Call): number => Math.max(0, call.deadlineAt - performance.now());

/** Milliseconds that an attempt has if it starts now. */
export const attemptMs = (call: Call): number =>
  Math.max(0, Math.min(call.options.retry?.attemptTimeoutMs ?? Infinity, call.deadlineAt - performance.now()));

/** Gives an attempt its number, which is unique in the whole call. */
export const countAttempt = (call: Call): void => {
  call.attempts = call.parentCall === undefined ? call.attempts + 1 : ++call.parentCall.attempts;
  if (call.attempts === 1) call.observer?.started();
};

/** The fields that every error of this call has. */
export const errorContext = (call: Call): FlameErrorContext => ({
  method: call.method,
  pool: call.pool,
  invocationId: call.invocationId,
  ...(call.attempts > 0 ? { attempt: call.attempts } : {}),
  elapsedMs: performance.now() - call.startedAt,
});

/** The error in an exit; `undefined` for a success. */
export const errorOf = (exit: Exit.Exit<unknown, CallError>, call: Call): CallError | undefined => {
  if (Exit.isSuccess(exit)) return undefined;
  if (Cause.hasInterruptsOnly(exit.cause)) return canceled(call);
  const cause = Cause.squash(exit.cause);
  return isInstance(cause, FlameError)
    ? (cause as CallError)
    : new InvokeError("invoke_error", `${call.method}: unexpected failure in the parent: ${messageOf(cause)}`, {
        ...errorContext(call),
        cause,
      });
};

/** The error of a call that was canceled by its caller, or with the handler that made it. */
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
