/** The attempts of a call: where each went, why it was made, how it ended, and whether its spans are missing. */
import { noticeableOffset } from "./clock.ts";
import { hasFailed, isServer, isStage, isTrue, lengthMs, numberOf, textOf } from "./facts.ts";
import type { Span } from "./telemetry-data.ts";
import type { TraceIndex } from "./trace-index.ts";

export interface AttemptReport {
  readonly number: number;
  /** `first`, `retry` or `hedge`. */
  readonly kind: string;
  /** Why a retry or hedge was made. */
  readonly reason: string | undefined;
  readonly runnerId: string | undefined;
  readonly address: string | undefined;
  /** Time since the start of the call. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly status: string;
  readonly errorCode: string | undefined;
  /** Whether the handler ran, if the attempt failed. */
  readonly executed: string | undefined;
  readonly message: string | undefined;
  readonly requestBytes: number | undefined;
  readonly responseBytes: number | undefined;
  /** The runner's clock minus the parent's, computed from four timestamps. */
  readonly clockOffsetMs: number | undefined;
  /** The correction of the runner's span times for the timeline; 0 if the clock difference is not noticeable. */
  readonly shownShiftMs: number;
  /** Whether it was the runner's first call. */
  readonly firstOfRunner: boolean;
  /** The outcome of the idempotency key. */
  readonly idempotency: string | undefined;
  /** Why spans of the runner are missing; `undefined` if none are. */
  readonly missing: "answered" | "lost" | undefined;
}

/** Returns the spans of the call's attempts by number. */
export const attemptSpans = (index: TraceIndex, call: Span): ReadonlyArray<Span> =>
  index
    .childrenOf(call)
    .filter((span) => isStage(span, "attempt"))
    .toSorted((left, right) => (numberOf(left, "attempt") ?? 0) - (numberOf(right, "attempt") ?? 0));

/** Returns the runner's span of an attempt, if present. */
export const serverOf = (index: TraceIndex, attempt: Span): Span | undefined =>
  index.childrenOf(attempt).find(isServer);

const missing = (attempt: Span, server: Span | undefined): AttemptReport["missing"] => {
  if (server !== undefined || textOf(attempt, "executed") === "no") return undefined;
  if (textOf(attempt, "errorType") === "CANCELLED") return undefined;
  if (textOf(attempt, "errorCode") === "signature_error") return undefined;
  return numberOf(attempt, "clockOffsetMs") === undefined && hasFailed(attempt) ? "lost" : "answered";
};

const addressOf = (attempt: Span): string | undefined => {
  const host = textOf(attempt, "serverAddress");
  const port = textOf(attempt, "serverPort");
  return host === undefined ? undefined : `${host}${port === undefined ? "" : `:${port}`}`;
};

const analyzeAttempt = (index: TraceIndex, call: Span, attempt: Span, position: number): AttemptReport => {
  const server = serverOf(index, attempt);
  return {
    number: numberOf(attempt, "attempt") ?? position + 1,
    kind: textOf(attempt, "attemptKind") ?? "first",
    reason: textOf(attempt, "retryReason"),
    runnerId: textOf(attempt, "runnerId") ?? (server && textOf(server, "runnerId")),
    address: addressOf(attempt),
    startMs: attempt.startMs - call.startMs,
    durationMs: lengthMs(attempt),
    status: textOf(attempt, "status") ?? textOf(attempt, "errorType") ?? (attempt.failed ? "UNKNOWN" : "OK"),
    errorCode: textOf(attempt, "errorCode"),
    executed: textOf(attempt, "executed"),
    message: hasFailed(attempt) ? attempt.statusMessage : undefined,
    requestBytes: numberOf(attempt, "requestBytes"),
    responseBytes: numberOf(attempt, "responseBytes"),
    clockOffsetMs: numberOf(attempt, "clockOffsetMs"),
    shownShiftMs: noticeableOffset(attempt, server),
    firstOfRunner: server !== undefined && isTrue(server, "coldStart"),
    idempotency: server && textOf(server, "idempotencyOutcome"),
    missing: missing(attempt, server),
  };
};

/** Returns the report of every attempt, by number. */
export const analyzeAttempts = (index: TraceIndex, call: Span): ReadonlyArray<AttemptReport> =>
  attemptSpans(index, call).map((attempt, position) => analyzeAttempt(index, call, attempt, position));
