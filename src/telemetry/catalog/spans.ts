/** Every span, with the attributes that it may carry. */
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
    description: "The logical call, as its caller sees it: all attempts and all waiting.",
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
      "A method called for many items. The first 1 000 calls are its children; each one beyond begins a trace of its own and links to it.",
    attributes: ["method", "pool", "mapItems", "mapConcurrency", "mapFailed", ...failure],
  },
  acquire: {
    name: "flame.pool.acquire",
    kind: "internal",
    description:
      "Waiting for a slot. Absent when a slot was free at once. Links to what it waited for: boots under way, and calls that hold slots.",
    attributes: ["pool", "acquireResult", "acquireSource", "queueDepth", "slotLimit", "runnerId", ...failure],
  },
  boot: {
    name: "flame.runner.boot",
    kind: "internal",
    description: "Starting a runner: a trace of its own, linked to the call that asked for it.",
    attributes: ["pool", "backend", "runnerId", "bootPhase", ...failure],
  },
  attempt: {
    name: "flame.attempt",
    kind: "client",
    description: "One request to one runner. Its context is what travels to the runner.",
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
    description: "The invocation on the runner; a child of the attempt that carried it.",
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
    description: "The user's code. The active span inside the handler.",
    attributes: ["method", "isolation", "requestBytes", "responseBytes", ...failure],
  },
} satisfies Record<string, SpanSpec>;
