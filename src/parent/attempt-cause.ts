/** Why an attempt is made, and the fields that its span has wherever it runs. */
import type { SpanFields } from "../telemetry/catalog.ts";
import type { Call } from "./call.ts";
import type { LeasedRunner } from "./pool/lease.ts";

export type AttemptKind = "first" | "retry" | "hedge";

/** Why an attempt is made. */
export interface AttemptCause {
  readonly kind: AttemptKind;
  readonly reason: string | undefined;
}

export const firstAttempt: AttemptCause = { kind: "first", reason: undefined };

/** The fields of an attempt's span, wherever it runs. Without a runner, it runs in this process. */
export const attemptFields = (
  call: Call,
  cause: AttemptCause,
  runner?: Pick<LeasedRunner, "id" | "address">,
): SpanFields => ({
  method: call.method,
  pool: call.pool,
  attempt: call.attempts,
  attemptKind: cause.kind,
  retryReason: cause.reason,
  requestBytes: call.body.byteLength,
  runnerId: runner?.id,
  serverAddress: runner?.address.serverAddress,
  serverPort: runner?.address.serverPort,
});
