/**
 * A signed request for a method that no runner has. The response proves the runner's identity and that both sides have
 * the same secret, without executing anything.
 */
import { randomUUID } from "node:crypto";
import type { RequestHead, ResponseHead } from "./envelope.ts";
import { type GetHeader, newNonce, readResponseHead, requestHeaders } from "./headers.ts";
import { HEARTBEAT_METHOD } from "./heartbeat.ts";
import { askingAudience, readInstanceNote, withInstance } from "./instance.ts";
import { isObject } from "../codec/limits.ts";
import { type SigningKey, signRequest, verifyResponse } from "./signature.ts";

/** A ping to `POST` to the runner's `invokePath`. */
export interface Ping {
  readonly head: RequestHead;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The fields of a ping: a method that does not exist, the audience, the timeout, and the sender's time. */
export type PingRequest = Pick<RequestHead, "method" | "audience" | "timeoutMs" | "createdMs">;

export const signPing = (request: PingRequest, key: SigningKey): Ping => {
  const head: RequestHead = { ...request, invocationId: randomUUID(), attempt: 1, keyId: key.id, nonce: newNonce() };
  const body = new TextEncoder().encode("[]");
  return {
    head,
    body,
    headers: { ...requestHeaders(head, signRequest(head, body, key)), "content-type": "application/json" },
  };
};

/** Signs a query for the runner's process. Every runner responds to it, even one that accepts no calls. */
export const signQuestion = (request: Omit<PingRequest, "method">, key: SigningKey): Ping =>
  signPing({ ...request, method: HEARTBEAT_METHOD, audience: askingAudience(request.audience) }, key);

/** Returns the request with the responding process as its audience; unchanged if the response names none. */
export const forInstance = (request: PingRequest, { body }: PingAnswer): PingRequest => {
  try {
    const answer: unknown = JSON.parse(new TextDecoder().decode(body));
    const result = isObject(answer) && isObject(answer["json"]) ? answer["json"] : {};
    const instance = readInstanceNote(result["instance"]);
    return instance === undefined
      ? request
      : { ...request, audience: withInstance(request.audience, instance.id, instance.nowMs) };
  } catch {
    return request;
  }
};

/** The response to a ping. */
export interface PingAnswer {
  readonly status: number;
  readonly header: GetHeader;
  readonly body: Uint8Array;
}

/**
 * Who responded: a runner with the key (`signed`), one with a different key (`forged`), or something that does not sign
 * (`unsigned`).
 */
export type PingReading =
  | { readonly _tag: "signed"; readonly head: ResponseHead }
  | { readonly _tag: "forged"; readonly head: ResponseHead }
  | { readonly _tag: "unsigned"; readonly malformed: string };

export const readPing = ({ head }: Ping, { status, header, body }: PingAnswer, key: SigningKey): PingReading => {
  const read = readResponseHead(header, status, head);
  if ("malformed" in read) return { _tag: "unsigned", malformed: read.malformed };
  const holds = verifyResponse(read.head, body, read.signature, key, read.line);
  return { _tag: holds ? "signed" : "forged", head: read.head };
};
