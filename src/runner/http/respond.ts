/**
 * Makes responses. The response to a verified request is signed with the key of that request and bound to its nonce.
 * Responses to unverified requests are not signed.
 */
import type { InvocationReply } from "../../contract/wire/dispatcher.ts";
import { httpStatus, type RequestHead, type ResponseHead, type RunnerTimings } from "../../contract/wire/envelope.ts";
import { encodeErrorBody } from "../../contract/wire/error-body.ts";
import type { CallError } from "../../contract/errors.ts";
import { responseHeaders, responseLine } from "../../contract/wire/headers.ts";
import type { InstanceNote } from "../../contract/wire/instance.ts";
import { type SigningKey, signResponse } from "../../contract/wire/signature.ts";
import { wallClockMs } from "../../contract/wire/clock.ts";

/** A response, before its conversion for the HTTP server of the runtime. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

const jsonType = "application/json";

/** A plain JSON response, for everything except invocations. */
export const json = (status: number, value: unknown, headers?: Readonly<Record<string, string>>): Answer => ({
  status,
  headers: { "content-type": jsonType, "cache-control": "no-store", ...headers },
  body: JSON.stringify(value),
});

/** The same response, with which the connection ends. */
export const lastOnConnection = (answer: Answer): Answer => ({
  ...answer,
  headers: { ...answer.headers, connection: "close" },
});

const retryAfter = (error: CallError): Readonly<Record<string, string>> | undefined =>
  error.retryAfterMs === undefined
    ? undefined
    : { "retry-after": String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))) };

/** An unsigned error. */
export const unsignedError = (status: number, error: CallError): Answer => ({
  status,
  headers: { "content-type": jsonType, "cache-control": "no-store", ...retryAfter(error) },
  body: encodeErrorBody(error, false),
});

/** The signed response to a verified request. */
export const signedReply = (head: RequestHead, key: SigningKey, runnerId: string, reply: InvocationReply): Answer => {
  const response: ResponseHead = {
    nonce: head.nonce,
    invocationId: head.invocationId,
    attempt: head.attempt,
    runnerId,
    keyId: key.id,
    status: reply.status,
    outcome: reply.outcome,
    timings: reply.timings,
  };
  const line = responseLine(response);
  const headers = responseHeaders(response, signResponse(response, reply.body, key, line), line);
  headers["content-type"] = jsonType;
  return { status: reply.status, headers, body: reply.body };
};

/** The timings of a request that reached no handler. */
const withoutHandler = (arrivedAt: number): RunnerTimings => {
  const queueMs = performance.now() - arrivedAt;
  const sentMs = wallClockMs();
  return { receivedMs: sentMs - queueMs, sentMs, queueMs, handlerMs: 0, spans: 0 };
};

/** The signed response to a heartbeat, with the instance of this process if the parent understands instances. */
export const signedHeartbeatAck = (
  head: RequestHead,
  key: SigningKey,
  runnerId: string,
  arrivedAt: number,
  ack: { readonly instance: InstanceNote } | null,
): Answer =>
  signedReply(head, key, runnerId, {
    outcome: "ok",
    status: 200,
    body: Buffer.from(JSON.stringify({ json: ack })),
    timings: withoutHandler(arrivedAt),
  });

/**
 * The reply to a verified request that was not dispatched, or whose dispatch was interrupted.
 *
 * @param draining Whether the runner is stopping.
 * @param instance The instance to sign the request for again.
 */
export const errorReply = (
  arrivedAt: number,
  error: CallError,
  draining = false,
  instance?: InstanceNote,
): InvocationReply => ({
  outcome: "error",
  status: httpStatus[error.code],
  body: encodeErrorBody(error, false, draining, instance),
  timings: withoutHandler(arrivedAt),
});

/** The same, signed. */
export const signedError = (
  head: RequestHead,
  key: SigningKey,
  runnerId: string,
  arrivedAt: number,
  error: CallError,
  draining = false,
  instance?: InstanceNote,
): Answer => {
  const answer = signedReply(head, key, runnerId, errorReply(arrivedAt, error, draining, instance));
  return { ...answer, headers: { ...answer.headers, ...retryAfter(error) } };
};
