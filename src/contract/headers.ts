/**
 * The heads of requests and responses as HTTP headers. Reading is strict and
 * bounded, because it comes before any signature is checked: what it accepts has
 * exactly one spelling, so that the signature covers what was read.
 */
import { header, WIRE_VERSION } from "./envelope.ts";
import type { RequestHead, ResponseHead } from "./envelope.ts";
import { readTimings, readWhole, timingsText, wholeText } from "./wire-numbers.ts";

export { newNonce } from "./nonce.ts";

/** Looks a header up by its name in lower case. */
export type GetHeader = (name: string) => string | null | undefined;

/** A message that cannot be one of ours. Says which header, and never what was in it. */
export interface Malformed {
  readonly malformed: string;
}

const visible = (length: number): RegExp => new RegExp(`^[\\x21-\\x7e]{1,${length}}$`);

const method = /^[A-Za-z0-9_$.:@-]{1,128}\/[A-Za-z0-9_$.:@-]{1,128}$/;
const nonce = /^[A-Za-z0-9_-]{22}$/;
const signature = /^v1=[A-Za-z0-9_-]{43}$/;
const invocationId = visible(128);
const runnerId = visible(512);
const keyId = visible(128);
const idempotencyKey = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;
const traceparent = /^[\x20-\x7e]{0,256}$/;
const tracestate = /^[\x20-\x7e]{0,1024}$/;
const baggage = /^[\x20-\x7e]{0,8192}$/;
const outcome = /^(?:ok|error)$/;

class Reader {
  readonly #get: GetHeader;
  problem: string | undefined;

  constructor(get: GetHeader) {
    this.#get = get;
    const version = this.text(header.version, /^\d{1,4}$/);
    if (this.problem === undefined && version !== WIRE_VERSION) {
      this.problem = `${header.version} is ${version}, and this side speaks ${WIRE_VERSION}: run the same version of firelight on both sides`;
    }
  }

  #report(name: string, fault: string): void {
    this.problem ??= `${name} ${fault}`;
  }

  optional(name: string, pattern: RegExp): string | undefined {
    const value = this.#get(name) ?? undefined;
    if (value !== undefined && !pattern.test(value)) this.#report(name, "is malformed");
    return value;
  }

  text(name: string, pattern: RegExp): string {
    const value = this.optional(name, pattern);
    if (value === undefined) this.#report(name, "is missing");
    return value ?? "";
  }

  whole(name: string, least: number): number {
    const value = this.#get(name) ?? undefined;
    const read = value === undefined ? undefined : readWhole(value);
    if (read !== undefined && read >= least) return read;
    this.#report(name, value === undefined ? "is missing" : "is malformed");
    return least;
  }
}

/** The headers of a request, signature included. Empty fields are sent as such, absent ones are left out. */
export const requestHeaders = (head: RequestHead, signed: string): Record<string, string> => {
  const headers: Record<string, string> = {
    [header.version]: WIRE_VERSION,
    [header.method]: head.method,
    [header.invocationId]: head.invocationId,
    [header.attempt]: wholeText(head.attempt),
    [header.audience]: head.audience,
    [header.keyId]: head.keyId,
    [header.createdMs]: wholeText(head.createdMs),
    [header.nonce]: head.nonce,
    [header.timeoutMs]: wholeText(head.timeoutMs),
    [header.signature]: signed,
  };
  if (head.idempotencyKey !== undefined) headers[header.idempotencyKey] = head.idempotencyKey;
  if (head.traceparent !== undefined) headers[header.traceparent] = head.traceparent;
  if (head.tracestate !== undefined) headers[header.tracestate] = head.tracestate;
  if (head.baggage !== undefined) headers[header.baggage] = head.baggage;
  return headers;
};

/** Reads the head of a request. Nothing in it is to be trusted before its signature holds. */
export const readRequestHead = (
  get: GetHeader,
): { readonly head: RequestHead; readonly signature: string } | Malformed => {
  const read = new Reader(get);
  const head: RequestHead = {
    method: read.text(header.method, method),
    invocationId: read.text(header.invocationId, invocationId),
    attempt: read.whole(header.attempt, 1),
    audience: read.text(header.audience, runnerId),
    keyId: read.text(header.keyId, keyId),
    createdMs: read.whole(header.createdMs, 0),
    nonce: read.text(header.nonce, nonce),
    timeoutMs: read.whole(header.timeoutMs, 0),
    idempotencyKey: read.optional(header.idempotencyKey, idempotencyKey),
    traceparent: read.optional(header.traceparent, traceparent),
    tracestate: read.optional(header.tracestate, tracestate),
    baggage: read.optional(header.baggage, baggage),
  };
  const signed = read.text(header.signature, signature);
  return read.problem === undefined ? { head, signature: signed } : { malformed: read.problem };
};

/** The headers of a response, signature included. The status is sent as the HTTP status. */
export const responseHeaders = (head: ResponseHead, signed: string): Record<string, string> => ({
  [header.version]: WIRE_VERSION,
  [header.nonce]: head.nonce,
  [header.invocationId]: head.invocationId,
  [header.attempt]: wholeText(head.attempt),
  [header.runnerId]: head.runnerId,
  [header.keyId]: head.keyId,
  [header.outcome]: head.outcome,
  [header.timings]: timingsText(head.timings),
  [header.signature]: signed,
});

/** Reads the head of a response that came with the HTTP status `status`. */
export const readResponseHead = (
  get: GetHeader,
  status: number,
): { readonly head: ResponseHead; readonly signature: string } | Malformed => {
  const read = new Reader(get);
  const timings = readTimings(read.text(header.timings, /^[\x21-\x7e]{1,256}$/));
  const head = {
    nonce: read.text(header.nonce, nonce),
    invocationId: read.text(header.invocationId, invocationId),
    attempt: read.whole(header.attempt, 1),
    runnerId: read.text(header.runnerId, runnerId),
    keyId: read.text(header.keyId, keyId),
    status,
    outcome: read.text(header.outcome, outcome) as "ok" | "error",
  };
  const signed = read.text(header.signature, signature);
  if (read.problem !== undefined) return { malformed: read.problem };
  return timings === undefined
    ? { malformed: `${header.timings} is malformed` }
    : { head: { ...head, timings }, signature: signed };
};
