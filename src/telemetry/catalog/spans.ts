/** Every span and its attributes. */
import type { attributes } from "./attributes.ts";

/** A span. `{rpc.method}` as the name stands for the method. */
export interface SpanSpec {
  /** The span's name. */
  readonly name: string;
  /** The span kind. */
  readonly kind: "client" | "server" | "internal";
  /** What it covers. */
  readonly description: string;
  /** Keys of the attributes that it may have. */
  readonly attributes: ReadonlyArray<keyof typeof attributes>;
}

const failure = ["errorType", "errorCode", "errorPhase", "executed"] as const;

/** All spans, by the key that the code uses. */
export const spans = {
  call: {
    name: "{rpc.method}",
    kind: "client",
    description: "The call as its caller sees it, including all attempts and waiting.",
    attributes: [
      "system",
      "method",
      "status",
      "pool",
      "invocationId",
      "idempotencyKey",
      "detached",
      "attemptCount",
      "retryRefused",
      "coldStart",
      "exemplar",
      "deadlineMs",
      "acquireSource",
      "queueDepth",
      "slotLimit",
      "phaseAcquireMs",
      "phaseEncodeMs",
      "phaseNetworkMs",
      "phaseRunnerQueueMs",
      "phaseHandlerMs",
      "phaseDecodeMs",
      "phaseBackoffMs",
      "phaseOtherMs",
      ...failure,
    ],
  },
  map: {
    name: "flame.map",
    kind: "internal",
    description:
      "A method called for many items. The first 1,000 calls are its children. Each further call starts a new trace that links to it.",
    attributes: ["method", "pool", "mapItems", "mapConcurrency", "mapFailed", ...failure],
  },
  acquire: {
    name: "flame.pool.acquire",
    kind: "internal",
    description:
      "Waiting for a slot. Absent if a slot was free. Links to what the call waited for: runner boots, and calls that held slots.",
    attributes: ["pool", "acquireResult", "acquireSource", "queueDepth", "slotLimit", "runnerId", ...failure],
  },
  boot: {
    name: "flame.runner.boot",
    kind: "internal",
    description: "Starting a runner. A separate trace, linked to the call that triggered it.",
    attributes: ["pool", "backend", "runnerId", "bootPhase", ...failure],
  },
  attempt: {
    name: "flame.attempt",
    kind: "client",
    description: "One request to one runner. Its trace context is sent to the runner.",
    attributes: [
      "method",
      "status",
      "pool",
      "attempt",
      "attemptKind",
      "runnerId",
      "serverAddress",
      "serverPort",
      "retryReason",
      "requestBytes",
      "responseBytes",
      "clockOffsetMs",
      "exemplar",
      ...failure,
    ],
  },
  backoff: {
    name: "flame.retry.backoff",
    kind: "internal",
    description: "Waiting before the next attempt.",
    attributes: ["retryDelayMs", "nextAttempt", "retryReason"],
  },
  server: {
    name: "{rpc.method}",
    kind: "server",
    description: "The call on the runner; a child of the attempt.",
    attributes: [
      "system",
      "method",
      "status",
      "pool",
      "runnerId",
      "invocationId",
      "attempt",
      "coldStart",
      "idempotencyOutcome",
      "clockOffsetMs",
      ...failure,
    ],
  },
  handler: {
    name: "flame.handler",
    kind: "internal",
    description: "The user's code. This span is active inside the handler.",
    attributes: ["method", "isolation", "requestBytes", "responseBytes", ...failure],
  },
} satisfies Record<string, SpanSpec>;
