/**
 * Signs and verifies requests and responses: HMAC-SHA256 over a base string and the raw body. The base string contains
 * the line of the head and all other relevant headers, length-prefixed and in a fixed order. `docs/protocol.md` defines
 * it byte for byte; `test/vectors/protocol-v2.json` has examples.
 */
import { createHmac, createSecretKey, hash, type Hmac, type KeyObject, timingSafeEqual } from "node:crypto";
import type { RequestHead, ResponseHead } from "./envelope.ts";
import { ConfigError } from "../errors.ts";
import { requestLine, responseLine } from "./headers.ts";

/** Why a runner rejects a signature. Does not say whether the key or the signature is wrong. */
export const invalidSignature: string =
  "The signature is invalid: the two sides have different secrets (security.secret or FLAME_SECRET) or key ids, or something in between " +
  "(a proxy, gateway or mesh) changed an x-flame-* header or the body. See the runner's log for the key.";

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

/** The size of a block of SHA-256, in bytes. */
const blockBytes = 64;

/** The size of a SHA-256 hash, in bytes. */
const hashBytes = 32;

/** Maximum size of a message that is copied behind the padded key, in bytes. Longer ones are hashed in parts. */
const maxCopiedBytes = 64 * 1024;

/** A character of a base string takes at most three bytes. */
const maxBytesPerCharacter = 3;

/** A key as HMAC needs it. */
interface HmacKey {
  readonly object: KeyObject;
  /** The key padded for the inner hash, and room for a message. */
  readonly inner: Buffer;
  /** The key padded for the outer hash, and room for the inner hash. */
  readonly outer: Buffer;
}

const hmacKeys = new WeakMap<SigningKey, HmacKey>();

const makeHmacKey = (key: SigningKey): HmacKey => {
  const secret = Buffer.from(key.secret, "utf8");
  const block = Buffer.alloc(blockBytes);
  (secret.byteLength > blockBytes ? hash("sha256", secret, "buffer") : secret).copy(block);
  const inner = Buffer.alloc(blockBytes + maxCopiedBytes);
  const outer = Buffer.alloc(blockBytes + hashBytes);
  for (const [at, byte] of block.entries()) {
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  }
  const made = { object: createSecretKey(secret), inner, outer };
  hmacKeys.set(key, made);
  return made;
};

const prefix = "v2=";

const startHmac = (base: string, key: SigningKey): Hmac =>
  createHmac("sha256", (hmacKeys.get(key) ?? makeHmacKey(key)).object).update(base);

/**
 * Signs a message. HMAC is two hashes, and two calls of `hash` take half the time of a `createHmac` where the message is
 * short.
 */
const sign = (base: string, body: Uint8Array, key: SigningKey): string => {
  if (base.length * maxBytesPerCharacter + body.byteLength > maxCopiedBytes)
    return prefix + startHmac(base, key).update(body).digest("base64url");
  const { inner, outer } = hmacKeys.get(key) ?? makeHmacKey(key);
  const bodyAt = blockBytes + inner.write(base, blockBytes);
  inner.set(body, bodyAt);
  outer.write(hash("sha256", inner.subarray(0, bodyAt + body.byteLength), "binary"), blockBytes, "latin1");
  return prefix + hash("sha256", outer, "base64url");
};

/** Stands for a field that the head does not have. */
const absent = "-\n";

const responseBase = (head: ResponseHead, bodyLength: number, line: string): string => {
  const bound = `${head.nonce} ${head.invocationId} ${head.attempt} ${head.status}`;
  return `flame-v2-response\n${bound.length}:${bound}\n${line.length}:${line}\n${bodyLength}:`;
};

const equal = (expected: string, given: string): boolean => {
  if (given.length !== expected.length) return false;
  const left = Buffer.from(expected);
  const right = Buffer.from(given);
  return left.length === right.length && timingSafeEqual(left, right);
};

/**
 * Returns the value of `x-flame-signature` for a request. Fields of the head are ASCII.
 *
 * @param line the line of the head, if it is known
 */
export const signRequest = (
  head: RequestHead,
  body: Uint8Array,
  key: SigningKey,
  line: string = requestLine(head),
): string => {
  const { idempotencyKey, traceparent, tracestate, baggage } = head;
  let base = `flame-v2-request\n${line.length}:${line}\n`;
  base += idempotencyKey === undefined ? absent : `${idempotencyKey.length}:${idempotencyKey}\n`;
  base += traceparent === undefined ? absent : `${traceparent.length}:${traceparent}\n`;
  base += tracestate === undefined ? absent : `${tracestate.length}:${tracestate}\n`;
  base += baggage === undefined ? absent : `${baggage.length}:${baggage}\n`;
  return sign(`${base}${body.byteLength}:`, body, key);
};

/** Whether `signature` is valid for this request and `key`. Compares in constant time. */
export const verifyRequest = (
  head: RequestHead,
  body: Uint8Array,
  signature: string,
  key: SigningKey,
  line?: string,
): boolean => equal(signRequest(head, body, key, line), signature);

/**
 * Returns the value of `x-flame-signature` for a response. Fields of the head are ASCII.
 *
 * @param line the line of the head, if it is known
 */
export const signResponse = (
  head: ResponseHead,
  body: Uint8Array,
  key: SigningKey,
  line: string = responseLine(head),
): string => sign(responseBase(head, body.byteLength, line), body, key);

/** Whether `signature` is valid for this response and `key`. Compares in constant time. */
export const verifyResponse = (
  head: ResponseHead,
  body: Uint8Array,
  signature: string,
  key: SigningKey,
  line?: string,
): boolean => equal(signResponse(head, body, key, line), signature);

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
  const hmac = startHmac(responseBase(head, bodyLength, responseLine(head)), key);
  return {
    update: (chunk) => void hmac.update(chunk),
    holds: () => equal(prefix + hmac.digest("base64url"), signature),
  };
};
