/** The attempts of a call: where each went, why it was made, how it ended, and what of it is missing. */
import { noticeableOffset } from "./clock.ts";
import { hasFailed, isServer, isStage, isTrue, lengthMs, numberOf, textOf } from "./facts.ts";
import type { Span } from "./telemetry-data.ts";
import type { TraceIndex } from "./trace-index.ts";

export interface AttemptStory {
  readonly number: number;
  /** `first`, `retry` or `hedge`. */
  readonly kind: string;
  /** Why it was made beside the first. */
  readonly reason: string | undefined;
  readonly runnerId: string | undefined;
  readonly address: string | undefined;
  /** From the start of the call. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly status: string;
  readonly errorCode: string | undefined;
  /** Whether the handler ran, where it failed. */
  readonly executed: string | undefined;
  readonly message: string | undefined;
  readonly requestBytes: number | undefined;
  readonly responseBytes: number | undefined;
  /** The runner's clock less the parent's, over four timestamps. */
  readonly clockOffsetMs: number | undefined;
  /** What was taken from the times of the runner's spans to draw them; 0 where the difference of the clocks would not be noticed. */
  readonly shownShiftMs: number;
  /** Whether it was this runner's first invocation. */
  readonly firstOfRunner: boolean;
  /** How the idempotency key was treated. */
  readonly idempotency: string | undefined;
  /** Why spans of the runner should be there and are not; `undefined` when nothing is missing. */
  readonly missing: "answered" | "lost" | undefined;
}

/** The spans of the call's attempts, by their number. */
export const attemptSpans = (index: TraceIndex, call: Span): ReadonlyArray<Span> =>
  index
    .childrenOf(call)
    .filter((span) => isStage(span, "attempt"))
    .toSorted((left, right) => (numberOf(left, "attempt") ?? 0) - (numberOf(right, "attempt") ?? 0));

/** The runner's span of an attempt, if it is there. */
export const serverOf = (index: TraceIndex, attempt: Span): Span | undefined =>
  index.childrenOf(attempt).find(isServer);

const missing = (attempt: Span, server: Span | undefined): AttemptStory["missing"] => {
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

const tell = (index: TraceIndex, call: Span, attempt: Span, position: number): AttemptStory => {
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

/** Tells of every attempt, in the order of their numbers. */
export const tellAttempts = (index: TraceIndex, call: Span): ReadonlyArray<AttemptStory> =>
  attemptSpans(index, call).map((attempt, position) => tell(index, call, attempt, position));
