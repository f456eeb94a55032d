/**
 * Signs and verifies requests and responses: HMAC-SHA256 over a base string and the raw body. The base string contains
 * the line of the head and all other relevant headers, length-prefixed and in a fixed order. `docs/protocol.md` defines
 * it byte for byte; `test/vectors/protocol-v2.json` has examples.
 */
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import type { Hmac, KeyObject } from "node:crypto";
import type { RequestHead, ResponseHead } from "./envelope.ts";
import { ConfigError } from "../errors.ts";
import { requestLine, responseLine } from "./headers.ts";

/** A secret and the id by which both sides know it. */
export interface SigningKey {
  readonly id: string;
  readonly secret: string;
}

/** The keys of one side: one signs, all verify. */
export interface Keyring {
  readonly signing: SigningKey;
  /** Returns the key that verifies signatures of `id`, if there is one. */
  find(id: string): SigningKey | undefined;
}

/**
 * Creates a keyring. To rotate a secret, first accept the new key everywhere, then sign with it, then remove the old
 * one.
 *
 * @throws {ConfigError} if a secret is empty, or two keys share an id but not the secret
 */
export const makeKeyring = (signing: SigningKey, accept: ReadonlyArray<SigningKey>): Keyring => {
  const keys = new Map<string, SigningKey>();
  for (const key of [signing, ...accept]) {
    if (key.secret === "") {
      throw new ConfigError(
        `The signing key "${key.id}" has an empty secret. Use the same long random string on both sides.`,
      );
    }
    const same = keys.get(key.id);
    if (same === undefined) keys.set(key.id, key);
    else if (same.secret !== key.secret) {
      throw new ConfigError(
        `Two signing keys have the id "${key.id}" and different secrets. Give each secret its own id.`,
      );
    }
  }
  return { signing, find: (id) => keys.get(id) };
};

const keyObjects = new WeakMap<SigningKey, KeyObject>();

const keyObject = (key: SigningKey): KeyObject => {
  let made = keyObjects.get(key);
  if (made === undefined) {
    made = createSecretKey(key.secret, "utf8");
    keyObjects.set(key, made);
  }
  return made;
};

const field = (value: string | undefined): string => (value === undefined ? "-\n" : `${value.length}:${value}\n`);

const requestBase = (head: RequestHead, bodyLength: number): string =>
  "flame-v2-request\n" +
  field(requestLine(head)) +
  field(head.idempotencyKey) +
  field(head.traceparent) +
  field(head.tracestate) +
  field(head.baggage) +
  `${bodyLength}:`;

const responseBase = (head: ResponseHead, bodyLength: number): string =>
  "flame-v2-response\n" +
  field(`${head.nonce} ${head.invocationId} ${head.attempt} ${head.status}`) +
  field(responseLine(head)) +
  `${bodyLength}:`;

const startHmac = (base: string, key: SigningKey): Hmac => createHmac("sha256", keyObject(key)).update(base);

const signatureOf = (hmac: Hmac): string => `v2=${hmac.digest("base64url")}`;

const sign = (base: string, body: Uint8Array, key: SigningKey): string =>
  signatureOf(startHmac(base, key).update(body));

const equal = (expected: string, given: string): boolean => {
  if (given.length !== expected.length) return false;
  const left = Buffer.from(expected);
  const right = Buffer.from(given);
  return left.length === right.length && timingSafeEqual(left, right);
};

/** Returns the value of `x-flame-signature` for a request. Fields of the head are ASCII. */
export const signRequest = (head: RequestHead, body: Uint8Array, key: SigningKey): string =>
  sign(requestBase(head, body.byteLength), body, key);

/** Whether `signature` is valid for this request and `key`. Compares in constant time. */
export const verifyRequest = (head: RequestHead, body: Uint8Array, signature: string, key: SigningKey): boolean =>
  equal(signRequest(head, body, key), signature);

/** Returns the value of `x-flame-signature` for a response. Fields of the head are ASCII. */
export const signResponse = (head: ResponseHead, body: Uint8Array, key: SigningKey): string =>
  sign(responseBase(head, body.byteLength), body, key);

/** Whether `signature` is valid for this response and `key`. Compares in constant time. */
export const verifyResponse = (head: ResponseHead, body: Uint8Array, signature: string, key: SigningKey): boolean =>
  equal(signResponse(head, body, key), signature);

/** Verifies the signature of a response while its body arrives, without keeping the body. */
export interface ResponseCheck {
  update(chunk: Uint8Array): void;
  /** Whether the signature is valid. Call once, at the end of the body. */
  holds(): boolean;
}

/** Starts to verify a response with a body of this length. Compares in constant time. */
export const checkResponse = (
  head: ResponseHead,
  bodyLength: number,
  signature: string,
  key: SigningKey,
): ResponseCheck => {
  const hmac = startHmac(responseBase(head, bodyLength), key);
  return {
    update: (chunk) => void hmac.update(chunk),
    holds: () => equal(signatureOf(hmac), signature),
  };
};
