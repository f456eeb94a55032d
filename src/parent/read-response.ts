/** Reads what a runner answered: checks the signature, then gives the result or the typed error. */
import type { Codec } from "../contract/codec/codec.ts";
import type { RequestHead, ResponseHead, RunnerTimings } from "../contract/wire/envelope.ts";
import { decodeErrorBody, errorFromBody } from "../contract/wire/error-body.ts";
import type { CallError, FlameErrorContext } from "../contract/errors.ts";
import { InvokeError, withContext } from "../contract/errors.ts";
import { readResponseHead } from "../contract/wire/headers.ts";
import type { InstanceNote } from "../contract/wire/instance.ts";
import type { Keyring } from "../contract/wire/signature.ts";
import { checkResponse, type ResponseCheck, verifyResponse } from "../contract/wire/signature.ts";
import type { RejectionReason } from "../telemetry/telemetry.ts";
import { resultTooLarge } from "./attempt-errors.ts";
import type { HttpResponse, ResponseStart } from "./transport/transport.ts";

/** The result or the error that an answer has. */
export type ReplyResult =
  | { readonly value: unknown }
  | {
      readonly error: CallError;
      readonly draining?: boolean | undefined;
      readonly instance?: InstanceNote | undefined;
    };

/** What became of an attempt that got an answer. */
export interface Reply {
  /** A promise, which never rejects, where the result is large and is read in slices. */
  readonly result: ReplyResult | Promise<ReplyResult>;
  /** `undefined` when the answer was not signed by the runner. */
  readonly timings: RunnerTimings | undefined;
  readonly bytes: number;
  readonly rejected?: { readonly reason: RejectionReason; readonly detail: string };
}

interface Exchange {
  readonly request: RequestHead;
  readonly response: HttpResponse;
  readonly url: string;
  readonly keyring: Keyring;
  readonly codec: Codec;
  readonly maxResultBytes: number;
  /** What errors should say; asked for only where there is one. */
  readonly context: () => FlameErrorContext;
}

const decodeFailure = (thrown: unknown, context: FlameErrorContext): ReplyResult => ({
  error: withContext(thrown as CallError, { ...context, executed: "yes", phase: "decode" }),
});

/** The result in a body, at once, or later where it takes long to read. */
const readResult = (
  body: Uint8Array,
  method: string,
  codec: Codec,
  context: () => FlameErrorContext,
): ReplyResult | Promise<ReplyResult> => {
  const what = `result of ${method}`;
  if (!codec.isQuickToDecode(body)) {
    return codec.decodeInSlices(body, what).then(
      (value) => ({ value }),
      (thrown: unknown) => decodeFailure(thrown, context()),
    );
  }
  try {
    return { value: codec.decode(body, what) };
  } catch (thrown) {
    return decodeFailure(thrown, context());
  }
};

/** The result or error in a body that is known to be the runner's. */
export const readBody = (
  outcome: "ok" | "error",
  body: Uint8Array,
  method: string,
  codec: Codec,
  context: () => FlameErrorContext,
): ReplyResult | Promise<ReplyResult> => {
  if (outcome === "ok") return readResult(body, method, codec, context);
  const decoded = decodeErrorBody(body);
  if (decoded !== undefined)
    return { error: errorFromBody(decoded, context()), draining: decoded.draining, instance: decoded.instance };
  return {
    error: new InvokeError("serialization_error", `${method}: the runner's error could not be read.`, {
      ...context(),
      phase: "decode",
    }),
  };
};

/** An answer that the runner did not sign can be believed to be a refusal, but not to be a result. */
const readUnsigned = ({ request, response, url, context }: Exchange, malformed: string): CallError => {
  const claimed = response.status >= 400 ? decodeErrorBody(response.body) : undefined;
  if (claimed !== undefined) {
    return errorFromBody({ ...claimed, executed: "unknown", retryable: false }, context());
  }
  return new InvokeError(
    "transport_error",
    `${request.method}: ${url} answered ${response.status} without the signature of a runner (${malformed}). ` +
      "Check the address, invokePath, and whether a proxy stands between.",
    { ...context(), executed: "unknown", retryable: false },
  );
};

const mismatch = (
  exchange: Exchange,
  head: ResponseHead,
  signature: string,
): { reason: RejectionReason; detail: string } | undefined => {
  const { response, keyring } = exchange;
  const key = keyring.find(head.keyId);
  if (key === undefined)
    return { reason: "unknown_key", detail: `the key "${head.keyId}" is not in this parent's keyring` };
  if (!verifyResponse(head, response.body, signature, key)) {
    return {
      reason: "mismatch",
      detail: "its signature does not fit: it answers another request, or the two sides do not have the same secret",
    };
  }
  return undefined;
};

/** Checks and reads an answer. */
export const readReply = (exchange: Exchange): Reply => {
  const { request, response, context, codec } = exchange;
  const bytes = response.body.byteLength;
  const read = readResponseHead((name) => response.header(name), response.status, request);
  if ("malformed" in read) {
    return { result: { error: readUnsigned(exchange, read.malformed) }, timings: undefined, bytes };
  }
  const rejected = mismatch(exchange, read.head, read.signature);
  if (rejected !== undefined) {
    const error = new InvokeError(
      "signature_error",
      `${request.method}: the response was refused: ${rejected.detail}.`,
      context(),
    );
    return { result: { error }, timings: undefined, bytes, rejected };
  }
  const { maxResultBytes } = exchange;
  const result =
    read.head.outcome === "ok" && bytes > maxResultBytes
      ? { error: resultTooLarge(request.method, bytes, maxResultBytes, context()) }
      : readBody(read.head.outcome, response.body, request.method, codec, context);
  return { result, timings: read.head.timings, bytes };
};

/** A check of an answer that is too large to be kept, with what it says if its signature holds. */
export interface OversizedReply {
  readonly head: ResponseHead;
  readonly check: ResponseCheck;
}

/** Starts to check an answer that is too large to be kept; `undefined` where it is not one that a runner signed. */
export const checkOversized = (
  request: RequestHead,
  response: ResponseStart,
  bodyLength: number,
  keyring: Keyring,
): OversizedReply | undefined => {
  const read = readResponseHead((name) => response.header(name), response.status, request);
  if ("malformed" in read) return undefined;
  const key = keyring.find(read.head.keyId);
  return key && { head: read.head, check: checkResponse(read.head, bodyLength, read.signature, key) };
};
