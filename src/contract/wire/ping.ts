/**
 * A signed request for a method that no runner has. Its answer proves who the
 * runner is, and that both sides have the same secret, while nothing is executed.
 */
import { randomUUID } from "node:crypto";
import type { RequestHead, ResponseHead } from "./envelope.ts";
import { type GetHeader, newNonce, readResponseHead, requestHeaders } from "./headers.ts";
import { HEARTBEAT_METHOD } from "./heartbeat.ts";
import { askingAudience, readInstanceNote, withInstance } from "./instance.ts";
import { isObject } from "../codec/limits.ts";
import { type SigningKey, signRequest, verifyResponse } from "./signature.ts";

/** A ping before it is sent: `POST` it to the runner's `invokePath`. */
export interface Ping {
  readonly head: RequestHead;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What a ping names: a method that does not exist, who may answer, by when, and the time of the sender. */
export type PingWish = Pick<RequestHead, "method" | "audience" | "timeoutMs" | "createdMs">;

export const signPing = (wish: PingWish, key: SigningKey): Ping => {
  const head: RequestHead = { ...wish, invocationId: randomUUID(), attempt: 1, keyId: key.id, nonce: newNonce() };
  const body = new TextEncoder().encode("[]");
  return {
    head,
    body,
    headers: { ...requestHeaders(head, signRequest(head, body, key)), "content-type": "application/json" },
  };
};

/** A ping that asks the runner which of its processes is there. Any runner answers it, also one that takes no work. */
export const signQuestion = (wish: Omit<PingWish, "method">, key: SigningKey): Ping =>
  signPing({ ...wish, method: HEARTBEAT_METHOD, audience: askingAudience(wish.audience) }, key);

/** The wish with the process that answered a question as its audience; as it was when that named none. */
export const forInstance = (wish: PingWish, { body }: PingAnswer): PingWish => {
  try {
    const answer: unknown = JSON.parse(new TextDecoder().decode(body));
    const result = isObject(answer) && isObject(answer["json"]) ? answer["json"] : {};
    const instance = readInstanceNote(result["instance"]);
    return instance === undefined
      ? wish
      : { ...wish, audience: withInstance(wish.audience, instance.id, instance.nowMs) };
  } catch {
    return wish;
  }
};

/** What came back for a ping. */
export interface PingAnswer {
  readonly status: number;
  readonly header: GetHeader;
  readonly body: Uint8Array;
}

/** Who answered: a runner with the key (`signed`), one with another key (`forged`), or someone who signs nothing (`unsigned`). */
export type PingReading =
  | { readonly _tag: "signed"; readonly head: ResponseHead }
  | { readonly _tag: "forged"; readonly head: ResponseHead }
  | { readonly _tag: "unsigned"; readonly malformed: string };

export const readPing = ({ head }: Ping, { status, header, body }: PingAnswer, key: SigningKey): PingReading => {
  const read = readResponseHead(header, status, head);
  if ("malformed" in read) return { _tag: "unsigned", malformed: read.malformed };
  const holds = verifyResponse(read.head, body, read.signature, key);
  return { _tag: holds ? "signed" : "forged", head: read.head };
};
