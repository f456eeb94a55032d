/**
 * What travels between a parent and a runner besides the encoded arguments: the
 * head of a request, the head of a response, and their HTTP headers.
 */
import type { Executed, FlameErrorCode, Phase, RemoteFailure } from "../errors.ts";
import type { InstanceNote } from "./instance.ts";
import type { SpanExport } from "./span-export.ts";

/** The version of the wire. A runner refuses versions that it does not know. */
export const WIRE_VERSION = "2";

/** An audience that lets any runner execute, for runners whose id the parent does not know. */
export const ANY_RUNNER = "*";

/** Trace context as header values. */
export interface TraceCarrier {
  /** W3C `traceparent`. */
  readonly traceparent?: string;
  /** W3C `tracestate`. */
  readonly tracestate?: string;
  /** W3C `baggage`. */
  readonly baggage?: string;
}

/** Everything that a request says about itself; all of it is signed. */
export interface RequestHead extends TraceCarrier {
  /** `service/method`. */
  readonly method: string;
  readonly invocationId: string;
  /** From 1. */
  readonly attempt: number;
  /** The id of the runner that may execute this, or {@link ANY_RUNNER}; and behind it, which process of that runner. */
  readonly audience: string;
  readonly keyId: string;
  /** When the request was signed, in milliseconds since 1970. */
  readonly createdMs: number;
  /** 128 random bits, base64url. */
  readonly nonce: string;
  /** What was left of the deadline when the request was signed. Durations need no synchronized clocks. */
  readonly timeoutMs: number;
  /** The handler goes on when the connection closes. Left out where it does not. */
  readonly detached?: true | undefined;
  readonly idempotencyKey?: string;
}

/** What the runner measured, in milliseconds by its own clock. */
export interface RunnerTimings {
  /** Clock time at which the request had arrived, in milliseconds since 1970. */
  readonly receivedMs: number;
  /** Clock time at which the response was signed. */
  readonly sentMs: number;
  /** From arrival to the start of the handler: reading, verifying, admission, decoding. */
  readonly queueMs: number;
  readonly handlerMs: number;
  /** Spans that this request recorded on the runner. */
  readonly spans: number;
  /** What the runner has still to send of its spans; absent where it cannot know. */
  readonly exported?: SpanExport | undefined;
}

/** Everything that a response says about itself; all of it is signed, and bound to the request. */
export interface ResponseHead {
  /** The nonce of the request that this answers. */
  readonly nonce: string;
  readonly invocationId: string;
  readonly attempt: number;
  readonly runnerId: string;
  readonly keyId: string;
  /** The HTTP status code. */
  readonly status: number;
  readonly outcome: "ok" | "error";
  readonly timings: RunnerTimings;
}

/** The body of a response whose outcome is `error`, as plain JSON. */
export interface ErrorBody {
  readonly code: FlameErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly executed: Executed;
  readonly phase?: Phase;
  readonly retryAfterMs?: number;
  /** The runner stops, and will take nothing any more. */
  readonly draining?: boolean;
  /** The process that answers, for a request that did not name it; the same call may be signed again for this one. */
  readonly instance?: InstanceNote;
  readonly details?: unknown;
  readonly remote?: RemoteFailure;
}

/** Header names of the wire, in lower case. */
export const header = {
  request: "x-flame-request",
  response: "x-flame-response",
  idempotencyKey: "x-flame-idempotency-key",
  traceparent: "x-flame-traceparent",
  tracestate: "x-flame-tracestate",
  baggage: "x-flame-baggage",
  signature: "x-flame-signature",
} as const;

/**
 * The names under which trace context is sent a second time, for proxies and their logs. Agents, meshes and gateways
 * rewrite these, so they are not signed and no runner reads them.
 */
export const standardHeader = {
  traceparent: "traceparent",
  tracestate: "tracestate",
  baggage: "baggage",
} as const;

/** The HTTP status code that carries each error code. */
export const httpStatus: Readonly<Record<FlameErrorCode, number>> = {
  config_error: 500,
  registry_error: 404,
  invoke_error: 500,
  transport_error: 502,
  timeout: 504,
  canceled: 499,
  remote_error: 500,
  no_runner: 503,
  unavailable: 503,
  overloaded: 429,
  conflict: 409,
  payload_too_large: 413,
  serialization_error: 400,
  signature_error: 401,
};
