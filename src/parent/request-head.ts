/** What an attempt says of itself to the runner, to be signed. */
import type { RequestHead, TraceCarrier } from "../contract/envelope.ts";
import { newNonce } from "../contract/headers.ts";
import type { Call } from "./call.ts";
import type { LeasedRunner } from "./pool/lease.ts";

/** The head of the request for an attempt that starts now. */
export const requestHead = (
  call: Call,
  runner: LeasedRunner,
  keyId: string,
  carrier: TraceCarrier,
  timeoutMs: number,
): RequestHead => {
  const { detached, idempotencyKey } = call.options;
  return {
    ...carrier,
    method: call.method,
    invocationId: call.invocationId,
    attempt: call.attempts,
    audience: runner.audience,
    keyId,
    createdMs: Date.now(),
    nonce: newNonce(),
    timeoutMs: Math.max(1, Math.ceil(timeoutMs)),
    ...(detached === true ? { detached } : {}),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
};
