/** Reads the response of a runner: checks the signature, then decodes the result or the error. */
import type { Codec } from "../contract/codec/codec.ts";
import type { RequestHead, ResponseHead, RunnerTimings } from "../contract/wire/envelope.ts";
import { decodeErrorBody, errorFromBody } from "../contract/wire/error-body.ts";
import { type CallError, type FlameErrorContext, InvokeError, withContext } from "../contract/errors.ts";
import { readResponseHead } from "../contract/wire/headers.ts";
import type { InstanceNote } from "../contract/wire/instance.ts";
import { checkResponse, type Keyring, type ResponseCheck, verifyResponse } from "../contract/wire/signature.ts";
import type { RejectionReason } from "../telemetry/telemetry.ts";
import type { HttpResponse, ResponseStart } from "./transport/transport.ts";

/** The result or the error in a response. */
export type ResponseResult =
  | { readonly value: unknown }
  | {
      readonly error: CallError;
      readonly draining?: boolean | undefined;
      readonly instance?: InstanceNote | undefined;
    };

/** The response to an attempt. */
export interface AttemptResponse {
  /** A promise, which never rejects, where the result is large and is decoded in slices. */
  readonly result: ResponseResult | Promise<ResponseResult>;
  /** `undefined` when the response is not signed by the runner. */
  readonly timings: RunnerTimings | undefined;
  readonly bytes: number;
  readonly rejected?: { readonly reason: RejectionReason; readonly detail: string };
}

/** How responses are read. */
interface ReadOptions {
  readonly config: { readonly maxBodyBytes: number };
  readonly keyring: Keyring;
  readonly codec: Codec;
}

/** The request that a response answers. */
interface AnsweredRequest {
  readonly runner: { readonly url: string };
  /** The fields that errors have. */
  context(): FlameErrorContext;
}

/**
 * The response is too large.
 *
 * @param bytes The size of the response, if a valid signature proves that it is a result.
 */
export const resultTooLarge = (
  method: string,
  bytes: number | undefined,
  limit: number,
  context: FlameErrorContext,
): CallError => {
  const what =
    bytes === undefined
      ? `The response to ${method} has more than the ${limit} bytes that maxBodyBytes allows, and its signature could not be checked. The handler may have run. Check what responds at the address of the runner.`
      : `The handler ran, but the result of ${method} has ${bytes} bytes; maxBodyBytes of the caller allows ${limit}. Return less data, return a reference to it, or raise maxBodyBytes on both sides.`;
  return new InvokeError("payload_too_large", what, {
    ...context,
    executed: bytes === undefined ? "unknown" : "yes",
    retryable: false,
    phase: "decode",
  });
};

const decodeFailure = (thrown: unknown, context: FlameErrorContext): ResponseResult => ({
  error: withContext(thrown as CallError, { ...context, executed: "yes", phase: "decode" }),
});

/** The result in a body that takes long to decode. */
const readSlowly = (
  body: Uint8Array,
  method: string,
  codec: Codec,
  context: () => FlameErrorContext,
): Promise<ResponseResult> =>
  codec.decodeInSlices(body, `result of ${method}`).then(
    (value) => ({ value }),
    (thrown: unknown) => decodeFailure(thrown, context()),
  );

/** The result or the error in a body whose origin is verified. */
export const readBody = (
  outcome: "ok" | "error",
  body: Uint8Array,
  method: string,
  codec: Codec,
  context: () => FlameErrorContext,
): ResponseResult | Promise<ResponseResult> => {
  if (outcome === "ok") {
    if (!codec.isQuickToDecode(body)) return readSlowly(body, method, codec, context);
    try {
      return { value: codec.decode(body, `result of ${method}`) };
    } catch (thrown) {
      return decodeFailure(thrown, context());
    }
  }
  const decoded = decodeErrorBody(body);
  if (decoded !== undefined)
    return { error: errorFromBody(decoded, context()), draining: decoded.draining, instance: decoded.instance };
  return {
    error: new InvokeError(
      "serialization_error",
      `${method}: the error of the runner cannot be decoded. Run the same version of firelight on both sides.`,
      {
        ...context(),
        phase: "decode",
      },
    ),
  };
};

/** An unsigned response can be trusted as a rejection, but never as a result. */
const readUnsigned = (
  method: string,
  response: HttpResponse,
  { runner, context }: { readonly runner: { readonly url: string }; readonly context: FlameErrorContext },
  malformed: string,
): CallError => {
  const claimed = response.status >= 400 ? decodeErrorBody(response.body) : undefined;
  if (claimed !== undefined) {
    return errorFromBody({ ...claimed, executed: "unknown", retryable: false }, context);
  }
  return new InvokeError(
    "transport_error",
    `${method}: ${runner.url} responded with ${response.status} and without a runner's signature (${malformed}). ` +
      "Check the address, invokePath, and whether a proxy is in between.",
    { ...context, executed: "unknown", retryable: false },
  );
};

/** Why the signature of a response does not hold. `known`: whether its key is known. */
const rejection = (keyId: string, known: boolean): NonNullable<AttemptResponse["rejected"]> =>
  known
    ? {
        reason: "mismatch",
        detail: "its signature does not match: it answers another request, or the two sides have different secrets",
      }
    : { reason: "unknown_key", detail: `the key "${keyId}" is not in this parent's keyring` };

/** Reads a response whose signature holds. */
const readVerified = (
  { method }: RequestHead,
  { outcome, timings }: ResponseHead,
  body: Uint8Array,
  { config, codec }: Pick<ReadOptions, "config" | "codec">,
  request: AnsweredRequest,
): AttemptResponse => {
  const bytes = body.byteLength;
  const result =
    outcome === "ok" && bytes > config.maxBodyBytes
      ? { error: resultTooLarge(method, bytes, config.maxBodyBytes, request.context()) }
      : readBody(outcome, body, method, codec, () => request.context());
  return { result, timings, bytes };
};

/** Verifies and reads the response to a request with the head `head`. */
export const readResponse = (
  head: RequestHead,
  response: HttpResponse,
  { config, keyring, codec }: ReadOptions,
  request: AnsweredRequest,
): AttemptResponse => {
  const bytes = response.body.byteLength;
  const { verified } = response;
  if (verified !== undefined) return readVerified(head, verified, response.body, { config, codec }, request);
  const read = readResponseHead(response.header, response.status, head);
  if ("malformed" in read) {
    const error = readUnsigned(
      head.method,
      response,
      { runner: request.runner, context: request.context() },
      read.malformed,
    );
    return { result: { error }, timings: undefined, bytes };
  }
  const key = keyring.find(read.head.keyId);
  if (key === undefined || !verifyResponse(read.head, response.body, read.signature, key, read.line)) {
    const rejected = rejection(read.head.keyId, key !== undefined);
    const error = new InvokeError(
      "signature_error",
      `${head.method}: the response was rejected: ${rejected.detail}.`,
      request.context(),
    );
    return { result: { error }, timings: undefined, bytes, rejected };
  }
  return readVerified(head, read.head, response.body, { config, codec }, request);
};

/** The head of a response that is too large to keep, and the check of its signature. */
export interface OversizedResponse {
  readonly head: ResponseHead;
  readonly check: ResponseCheck;
}

/** The check of a response that is already verified. */
const verifiedCheck: ResponseCheck = { update: () => {}, holds: () => true };

/** Starts to check a response that is too large to keep. `undefined` if no known key signed it. */
export const checkOversized = (
  request: RequestHead,
  response: ResponseStart,
  bodyLength: number,
  keyring: Keyring,
): OversizedResponse | undefined => {
  if (response.verified !== undefined) return { head: response.verified, check: verifiedCheck };
  const read = readResponseHead(response.header, response.status, request);
  if ("malformed" in read) return undefined;
  const key = keyring.find(read.head.keyId);
  return key && { head: read.head, check: checkResponse(read.head, bodyLength, read.signature, key) };
};
