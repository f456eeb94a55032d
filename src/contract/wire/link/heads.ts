/**
 * The heads of CALL and ANSWER frames: the same fields as a request and a response over HTTP, in the encoding of their
 * signing base. The MAC of the frame signs them.
 */
import { header, type RequestHead, type ResponseHead } from "../envelope.ts";
import { type Malformed, readRequestFields, readResponseFields, requestLine, responseLine } from "../headers.ts";
import { wholePattern } from "../numbers.ts";

const field = (value: string | undefined): string => (value === undefined ? "-\n" : `${value.length}:${value}\n`);

/** The head of a CALL whose arguments have this many bytes. */
export const callHead = (head: RequestHead, bodyBytes: number): string =>
  field(requestLine(head)) +
  field(head.idempotencyKey) +
  field(head.traceparent) +
  field(head.tracestate) +
  field(head.baggage) +
  `${bodyBytes}:`;

/** The head of an ANSWER whose body has this many bytes. */
export const answerHead = (head: ResponseHead, bodyBytes: number): string =>
  `${head.status} ${field(responseLine(head))}${bodyBytes}:`;

/** Reads fields one after the other. */
class FieldReader {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  /** The next field; `undefined` if it is absent, `null` if it is malformed. */
  next(): string | undefined | null {
    const text = this.#text;
    const at = this.#at;
    if (text.startsWith("-\n", at)) {
      this.#at = at + 2;
      return undefined;
    }
    const colon = text.indexOf(":", at);
    const length = wholeNumber(text.slice(at, Math.max(at, colon)));
    if (length === undefined) return null;
    const end = colon + 1 + length;
    if (text[end] !== "\n") return null;
    this.#at = end + 1;
    return text.slice(colon + 1, end);
  }

  /** The length of the body, with which the head ends; `undefined` if it is malformed. */
  bodyBytes(): number | undefined {
    const rest = this.#text.slice(this.#at);
    return rest.endsWith(":") ? wholeNumber(rest.slice(0, -1)) : undefined;
  }
}

const wholeText = new RegExp(`^${wholePattern}$`);
const wholeNumber = (text: string): number | undefined => (wholeText.test(text) ? Number(text) : undefined);

/** Parses the head of a CALL. */
export const readCallHead = (text: string): { readonly head: RequestHead; readonly bodyBytes: number } | Malformed => {
  const reader = new FieldReader(text, 0);
  const line = reader.next();
  const idempotencyKey = reader.next();
  const traceparent = reader.next();
  const tracestate = reader.next();
  const baggage = reader.next();
  const bodyBytes = reader.bodyBytes();
  if (
    line === null ||
    idempotencyKey === null ||
    traceparent === null ||
    tracestate === null ||
    baggage === null ||
    bodyBytes === undefined
  )
    return { malformed: "the head of the CALL is malformed" };
  const read = readRequestFields((name) => {
    switch (name) {
      case header.request:
        return line;
      case header.idempotencyKey:
        return idempotencyKey;
      case header.traceparent:
        return traceparent;
      case header.tracestate:
        return tracestate;
      default:
        return baggage;
    }
  });
  return "malformed" in read ? read : { head: read.head, bodyBytes };
};

/** Parses the head of the ANSWER to the request `request`. */
export const readAnswerHead = (
  text: string,
  request: Pick<RequestHead, "nonce" | "invocationId" | "attempt">,
): { readonly head: ResponseHead; readonly bodyBytes: number } | Malformed => {
  const reader = new FieldReader(text, 4);
  const line = reader.next();
  const bodyBytes = reader.bodyBytes();
  if (!/^[1-5]\d\d /.test(text) || line === null || bodyBytes === undefined)
    return { malformed: "the head of the ANSWER is malformed" };
  const read = readResponseFields(() => line, Number(text.slice(0, 3)), request);
  return "malformed" in read ? read : { head: read.head, bodyBytes };
};
