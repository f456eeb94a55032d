/**
 * Encodes the heads of requests and responses as HTTP headers. Each side puts its fields into one header, separated by
 * single spaces. It is parsed with one pattern, and the signature covers it. Parsing is strict and bounded, because it
 * happens before the signature is checked.
 */
import { header, type RequestHead, type ResponseHead, standardHeader, WIRE_VERSION } from "./envelope.ts";
import { wholePattern, wholeText } from "./numbers.ts";

export { newNonce } from "./nonce.ts";

/** Returns a header by its lowercase name. */
export type GetHeader = (name: string) => string | null | undefined;

/** A malformed message. Names the header but never quotes it. */
export interface Malformed {
  readonly malformed: string;
}

const visible = (length: number): string => `[\\x21-\\x7e]{1,${length}}`;
const line = (fields: ReadonlyArray<string>, last = ""): RegExp =>
  new RegExp(`^${fields.map((field) => `(${field})`).join(" ")}${last}$`);

const id = "[A-Za-z0-9_$.:@-]{1,128}";
const nonce = "[A-Za-z0-9_-]{22}";

const requestPattern = line(
  [
    WIRE_VERSION,
    `${id}/${id}`,
    visible(128),
    "[1-9]\\d{0,8}",
    visible(512),
    visible(128),
    wholePattern,
    nonce,
    wholePattern,
  ],
  "( detached)?",
);
const responsePattern = line(
  [
    WIRE_VERSION,
    "ok|error",
    visible(512),
    visible(128),
    wholePattern,
    wholePattern,
    wholePattern,
    wholePattern,
    wholePattern,
  ],
  `(?: (${wholePattern}) (${wholePattern}))?`,
);

const signaturePattern = /^v2=[A-Za-z0-9_-]{43}$/;
const idempotencyKey = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;
const traceparent = /^[\x20-\x7e]{0,256}$/;
const tracestate = /^[\x20-\x7e]{0,1024}$/;
const baggage = /^[\x20-\x7e]{0,8192}$/;

/** Maximum length of a line before a pattern is applied. */
const longestLine = 2_048;

/** Returns the fields of a request as the line that is sent and signed. */
export const requestLine = (head: RequestHead): string =>
  `${WIRE_VERSION} ${head.method} ${head.invocationId} ${head.attempt} ${head.audience} ${head.keyId} ${wholeText(head.createdMs)} ${head.nonce} ${wholeText(head.timeoutMs)}${head.detached === true ? " detached" : ""}`;

/** Returns the fields of a response as the line that is sent and signed. Times are in whole microseconds. */
export const responseLine = ({ outcome, runnerId, keyId, timings }: ResponseHead): string => {
  const { receivedMs, sentMs, queueMs, handlerMs, spans, exported } = timings;
  const line = `${WIRE_VERSION} ${outcome} ${runnerId} ${keyId} ${wholeText(Math.round(receivedMs * 1000))} ${wholeText(Math.round(sentMs * 1000))} ${wholeText(Math.round(queueMs * 1000))} ${wholeText(Math.round(handlerMs * 1000))} ${wholeText(spans)}`;
  return exported === undefined ? line : `${line} ${wholeText(exported.unsent)} ${wholeText(exported.failed)}`;
};

/**
 * Maximum length of baggage that is sent twice: two copies of 8 KiB would not fit into the 16 KiB that HTTP servers
 * accept.
 */
const maxStandardBaggageLength = 2_048;

/**
 * Returns the headers of a request with its signature. Empty fields are sent, absent ones are omitted. Trace context is
 * sent twice: signed in Firelight's own headers, and unsigned under its standard names.
 *
 * @param line the line of the head, if it is known
 */
export const requestHeaders = (
  head: RequestHead,
  signed: string,
  line: string = requestLine(head),
): Record<string, string> => {
  const headers: Record<string, string> = { [header.request]: line, [header.signature]: signed };
  if (head.idempotencyKey !== undefined) headers[header.idempotencyKey] = head.idempotencyKey;
  const { traceparent, tracestate, baggage } = head;
  if (traceparent !== undefined) headers[header.traceparent] = headers[standardHeader.traceparent] = traceparent;
  if (tracestate !== undefined) headers[header.tracestate] = headers[standardHeader.tracestate] = tracestate;
  if (baggage !== undefined) {
    headers[header.baggage] = baggage;
    if (baggage.length <= maxStandardBaggageLength) headers[standardHeader.baggage] = baggage;
  }
  return headers;
};

/** Why a line does not match its pattern. */
const lineFault = (name: string, value: string | undefined): Malformed => {
  if (value === undefined) return { malformed: `${name} is missing` };
  const version = /^(\d{1,4}) /.exec(value)?.[1];
  return version === undefined || version === WIRE_VERSION
    ? { malformed: `${name} is malformed` }
    : {
        malformed: `${name} has version ${version}, but this side uses ${WIRE_VERSION}: run the same version of firelight on both sides`,
      };
};

/** A parsed head, and what its signature is checked with. */
export interface ReadHead<Head> {
  readonly head: Head;
  /** The line of the head, as it was received. */
  readonly line: string;
  readonly signature: string;
}

const requestHeadOf = (fields: RegExpExecArray, get: GetHeader): RequestHead => ({
  method: fields[2]!,
  invocationId: fields[3]!,
  attempt: Number(fields[4]),
  audience: fields[5]!,
  keyId: fields[6]!,
  createdMs: Number(fields[7]),
  nonce: fields[8]!,
  timeoutMs: Number(fields[9]),
  detached: fields[10] === undefined ? undefined : true,
  idempotencyKey: get(header.idempotencyKey) ?? undefined,
  traceparent: get(header.traceparent) ?? undefined,
  tracestate: get(header.tracestate) ?? undefined,
  baggage: get(header.baggage) ?? undefined,
});

/** The first optional field that does not match its pattern. */
const optionalFault = (head: RequestHead): Malformed | undefined => {
  if (head.idempotencyKey !== undefined && !idempotencyKey.test(head.idempotencyKey))
    return { malformed: `${header.idempotencyKey} is malformed` };
  if (head.traceparent !== undefined && !traceparent.test(head.traceparent))
    return { malformed: `${header.traceparent} is malformed` };
  if (head.tracestate !== undefined && !tracestate.test(head.tracestate))
    return { malformed: `${header.tracestate} is malformed` };
  if (head.baggage !== undefined && !baggage.test(head.baggage)) return { malformed: `${header.baggage} is malformed` };
  return undefined;
};

const readLine = (get: GetHeader, name: string, pattern: RegExp): RegExpExecArray | Malformed => {
  const text = get(name) ?? undefined;
  const fields = text !== undefined && text.length <= longestLine ? pattern.exec(text) : null;
  return fields ?? lineFault(name, text);
};

/** Parses the fields of a request, without its signature. They must not be trusted before the request is verified. */
export const readRequestFields = (get: GetHeader): { readonly head: RequestHead } | Malformed => {
  const fields = readLine(get, header.request, requestPattern);
  if ("malformed" in fields) return fields;
  const head = requestHeadOf(fields, get);
  return optionalFault(head) ?? { head };
};

/** Parses the head of a request. It must not be trusted before its signature is verified. */
export const readRequestHead = (get: GetHeader): ReadHead<RequestHead> | Malformed => {
  const fields = readLine(get, header.request, requestPattern);
  if ("malformed" in fields) return fields;
  const head = requestHeadOf(fields, get);
  const signature = get(header.signature) ?? undefined;
  if (signature === undefined) return { malformed: `${header.signature} is missing` };
  if (!signaturePattern.test(signature)) return { malformed: `${header.signature} is malformed` };
  return optionalFault(head) ?? { head, line: fields[0], signature };
};

/**
 * Returns the headers of a response with its signature. Fields that the other side knows from its request are signed
 * but not sent.
 *
 * @param line the line of the head, if it is known
 */
export const responseHeaders = (
  head: ResponseHead,
  signed: string,
  line: string = responseLine(head),
): Record<string, string> => ({
  [header.response]: line,
  [header.signature]: signed,
});

const responseHeadOf = (
  fields: RegExpExecArray,
  status: number,
  { nonce, invocationId, attempt }: Pick<RequestHead, "nonce" | "invocationId" | "attempt">,
): ResponseHead => ({
  nonce,
  invocationId,
  attempt,
  runnerId: fields[3]!,
  keyId: fields[4]!,
  status,
  outcome: fields[2] as "ok" | "error",
  timings: {
    receivedMs: Number(fields[5]!) / 1000,
    sentMs: Number(fields[6]!) / 1000,
    queueMs: Number(fields[7]!) / 1000,
    handlerMs: Number(fields[8]!) / 1000,
    spans: Number(fields[9]),
    exported: fields[10] === undefined ? undefined : { unsent: Number(fields[10]), failed: Number(fields[11]) },
  },
});

/** Parses the fields of a response with the HTTP status `status` to `request`, without its signature. */
export const readResponseFields = (
  get: GetHeader,
  status: number,
  request: Pick<RequestHead, "nonce" | "invocationId" | "attempt">,
): { readonly head: ResponseHead } | Malformed => {
  const fields = readLine(get, header.response, responsePattern);
  return "malformed" in fields ? fields : { head: responseHeadOf(fields, status, request) };
};

/** Parses the head of a response with the HTTP status `status` to `request`. */
export const readResponseHead = (
  get: GetHeader,
  status: number,
  request: Pick<RequestHead, "nonce" | "invocationId" | "attempt">,
): ReadHead<ResponseHead> | Malformed => {
  const fields = readLine(get, header.response, responsePattern);
  if ("malformed" in fields) return fields;
  const signature = get(header.signature) ?? undefined;
  if (signature === undefined || !signaturePattern.test(signature)) {
    return { malformed: `${header.signature} is ${signature === undefined ? "missing" : "malformed"}` };
  }
  return { head: responseHeadOf(fields, status, request), line: fields[0], signature };
};
