/** Why an attempt is made, and what its span says of it wherever it runs. */
import type { SpanFields } from "../telemetry/catalog.ts";
import type { Call } from "./run-call.ts";

export type AttemptKind = "first" | "retry" | "hedge";

/** Why this attempt is made. */
export interface AttemptCause {
  readonly kind: AttemptKind;
  readonly reason: string | undefined;
}

/** What the span of every attempt says, wherever it runs. */
export const attemptFacts = (call: Call, body: Uint8Array, cause: AttemptCause): SpanFields => ({
  method: call.method,
  pool: call.pool,
  attempt: call.attempts,
  attemptKind: cause.kind,
  retryReason: cause.reason,
  requestBytes: body.byteLength,
});
