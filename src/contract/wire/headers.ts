/**
 * The heads of requests and responses as HTTP headers. What one side says of
 * itself stands in one header, a line of fields with one space between them: it
 * is read by one pattern, and it is what the signature covers. Reading is strict
 * and bounded, because it comes before any signature is checked.
 */
import { header, standardHeader, WIRE_VERSION } from "./envelope.ts";
import type { RequestHead, ResponseHead } from "./envelope.ts";
import type { SpanExport } from "./span-export.ts";
import { microsText, readMicros, wholePattern, wholeText } from "./numbers.ts";

export { newNonce } from "./nonce.ts";

/** Looks a header up by its name in lower case. */
export type GetHeader = (name: string) => string | null | undefined;

/** A message that cannot be one of ours. Says which header, and never what was in it. */
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

/** The longest line that a pattern is tried on. */
const longestLine = 2_048;

/** The fields of a request in one line, as it is sent and signed. */
export const requestLine = (head: RequestHead): string =>
  `${WIRE_VERSION} ${head.method} ${head.invocationId} ${head.attempt} ${head.audience} ${head.keyId} ${wholeText(head.createdMs)} ${head.nonce} ${wholeText(head.timeoutMs)}${head.detached === true ? " detached" : ""}`;

const exportText = (exported: SpanExport | undefined): string =>
  exported === undefined ? "" : ` ${wholeText(exported.unsent)} ${wholeText(exported.failed)}`;

/** The fields of a response in one line, as it is sent and signed. Times are whole microseconds. */
export const responseLine = ({ outcome, runnerId, keyId, timings }: ResponseHead): string =>
  `${WIRE_VERSION} ${outcome} ${runnerId} ${keyId} ${microsText(timings.receivedMs)} ${microsText(timings.sentMs)} ${microsText(timings.queueMs)} ${microsText(timings.handlerMs)} ${wholeText(timings.spans)}${exportText(timings.exported)}`;

/** The longest baggage that is sent twice: two copies of 8 KiB would not fit in the 16 KiB that HTTP servers take. */
const maxStandardBaggageLength = 2_048;

/**
 * The headers of a request, signature included. Empty fields are sent as such, absent ones are left out. Trace context
 * is sent twice: signed, in headers that nobody else writes, and unsigned under its standard names.
 */
export const requestHeaders = (head: RequestHead, signed: string): Record<string, string> => {
  const headers: Record<string, string> = { [header.request]: requestLine(head), [header.signature]: signed };
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

const readLine = (get: GetHeader, name: string, pattern: RegExp): RegExpExecArray | Malformed => {
  const value = get(name) ?? undefined;
  if (value === undefined) return { malformed: `${name} is missing` };
  const match = value.length <= longestLine ? pattern.exec(value) : null;
  if (match !== null) return match;
  const version = /^(\d{1,4}) /.exec(value)?.[1];
  return version === undefined || version === WIRE_VERSION
    ? { malformed: `${name} is malformed` }
    : {
        malformed: `${name} is of version ${version}, and this side speaks ${WIRE_VERSION}: run the same version of firelight on both sides`,
      };
};

/** The name of the first header that is there and does not fit its pattern. */
const firstUnfit = (...checks: ReadonlyArray<readonly [string, string | undefined, RegExp]>): string | undefined => {
  for (const [name, value, pattern] of checks) if (value !== undefined && !pattern.test(value)) return name;
  return undefined;
};

/** Reads the head of a request. Nothing in it is to be trusted before its signature holds. */
export const readRequestHead = (
  get: GetHeader,
): { readonly head: RequestHead; readonly signature: string } | Malformed => {
  const fields = readLine(get, header.request, requestPattern);
  if ("malformed" in fields) return fields;
  const head: RequestHead = {
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
  };
  const signature = get(header.signature) ?? undefined;
  if (signature === undefined) return { malformed: `${header.signature} is missing` };
  const unfit = firstUnfit(
    [header.signature, signature, signaturePattern],
    [header.idempotencyKey, head.idempotencyKey, idempotencyKey],
    [header.traceparent, head.traceparent, traceparent],
    [header.tracestate, head.tracestate, tracestate],
    [header.baggage, head.baggage, baggage],
  );
  return unfit === undefined ? { head, signature } : { malformed: `${unfit} is malformed` };
};

/** The headers of a response, signature included. What the other side knows from its request is signed and not sent. */
export const responseHeaders = (head: ResponseHead, signed: string): Record<string, string> => ({
  [header.response]: responseLine(head),
  [header.signature]: signed,
});

/** Reads the head of a response that came with the HTTP status `status` as the answer to `request`. */
export const readResponseHead = (
  get: GetHeader,
  status: number,
  request: Pick<RequestHead, "nonce" | "invocationId" | "attempt">,
): { readonly head: ResponseHead; readonly signature: string } | Malformed => {
  const fields = readLine(get, header.response, responsePattern);
  if ("malformed" in fields) return fields;
  const signature = get(header.signature) ?? undefined;
  if (signature === undefined || !signaturePattern.test(signature)) {
    return { malformed: `${header.signature} is ${signature === undefined ? "missing" : "malformed"}` };
  }
  const head: ResponseHead = {
    nonce: request.nonce,
    invocationId: request.invocationId,
    attempt: request.attempt,
    runnerId: fields[3]!,
    keyId: fields[4]!,
    status,
    outcome: fields[2] as "ok" | "error",
    timings: {
      receivedMs: readMicros(fields[5]!),
      sentMs: readMicros(fields[6]!),
      queueMs: readMicros(fields[7]!),
      handlerMs: readMicros(fields[8]!),
      spans: Number(fields[9]),
      exported: fields[10] === undefined ? undefined : { unsent: Number(fields[10]), failed: Number(fields[11]) },
    },
  };
  return { head, signature };
};
