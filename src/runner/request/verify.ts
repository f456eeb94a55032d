/**
 * Verifies requests. The body is not parsed and no trace context is trusted before the signature is verified. The cheapest check
 * comes first, and only a request with a valid signature uses up a nonce:
 *
 * head → key → window → body, within a limit → signature → audience → instance → nonce
 *
 * Responses to unverified requests are not signed, and do not reveal whether the key or the signature was wrong.
 */
import { wallClockMs } from "../../contract/wire/clock.ts";
import { ANY_RUNNER, header, type RequestHead } from "../../contract/wire/envelope.ts";
import { ConfigError, InvokeError } from "../../contract/errors.ts";
import { readRequestHead } from "../../contract/wire/headers.ts";
import { HEARTBEAT_METHOD } from "../../contract/wire/heartbeat.ts";
import { type Addressee, type InstanceNote, readAudience } from "../../contract/wire/instance.ts";
import { invalidSignature, type Keyring, type SigningKey, verifyRequest } from "../../contract/wire/signature.ts";
import type { Incoming, BodyRead } from "../http/incoming.ts";
import { checkFreshness } from "./check-freshness.ts";
import type { Freshness } from "./freshness.ts";
import { reject, type Rejected, signatureError } from "./rejected.ts";

/** A verified request. */
export interface Verified {
  readonly _tag: "Verified";
  readonly head: RequestHead;
  readonly key: SigningKey;
  readonly body: Uint8Array;
  /** The runner's clock minus the parent's, plus the travel time, in milliseconds. */
  readonly clockOffsetMs: number;
  /** Set for a heartbeat: the response. It has the instance only if the parent understands instances. */
  readonly heartbeat: { readonly instance: InstanceNote } | null | undefined;
  /** Whether the request asks for the instance of this process. Such a request does not prove when it was sent. */
  readonly asksForInstance: boolean;
}

export interface VerifierOptions {
  /** `undefined` rejects all requests: a runner without a secret must not run code. */
  readonly keyring: Keyring | undefined;
  readonly maxBodyBytes: number;
  readonly runnerId: string;
  /** Whether `runnerId` was configured, so that parents know it and requests must name it. */
  readonly checkAudience: boolean;
  readonly freshness: Freshness;
}

export type Verifier = (incoming: Incoming) => Promise<Verified | Rejected>;

/** The rejection of everything, by a runner without a secret. */
export const noSecret: Rejected = reject(
  500,
  new ConfigError(
    "This runner has no secret and rejects all requests. Set security.secret, or FLAME_SECRET, to the same long random string on the runner and on the parent.",
    { phase: "runner_queue" },
  ),
);

const skew = (offsetMs: number, windowMs: number): string => {
  const direction = offsetMs > 0 ? "before" : "after";
  return (
    `The request was signed ${Math.abs(Math.round(offsetMs))} ms ${direction} this runner's clock; ${windowMs} ms before or after are allowed. ` +
    "It was in transit too long, or the clocks differ: synchronize the clocks of parent and runner, or raise security.windowMs on the runner."
  );
};

const malformed = (incoming: Incoming, problem: string): Rejected =>
  incoming.header(header.signature) === null
    ? reject(
        401,
        signatureError(
          "The request is not signed. A runner only runs requests that a parent with the same secret has signed.",
        ),
        { reason: "malformed" },
      )
    : reject(400, signatureError(`The head of the request is invalid: ${problem}.`), { reason: "malformed" });

const jsonType = "application/json";

const unsupportedMedia = (incoming: Incoming): string | undefined => {
  const encoding = incoming.header("content-encoding");
  if (encoding !== null && encoding.trim().toLowerCase() !== "identity") {
    return `The body has the content-encoding "${encoding.slice(0, 40)}". Send it without content-encoding.`;
  }
  const type = incoming.header("content-type") ?? "";
  if (type.split(";", 1)[0]?.trim().toLowerCase() !== jsonType) {
    return `The body has the content-type "${type.slice(0, 80)}". Send application/json.`;
  }
  return undefined;
};

const unsupported = (media: string): InvokeError =>
  new InvokeError("serialization_error", media, { executed: "no", retryable: false, phase: "runner_queue" });

/** @param declared the size of the body, if it is known */
export const bodyTooLarge = (declared: string | null, maxBytes: number): Rejected => {
  const size = declared === null ? `more than ${maxBytes}` : declared;
  return reject(
    413,
    new InvokeError(
      "payload_too_large",
      `The request body has ${size} bytes; the limit of this runner is ${maxBytes}. Send less data, or raise maxBodyBytes on both sides.`,
      {
        phase: "runner_queue",
      },
    ),
  );
};

/** The rejection of a request whose audience is another runner; `undefined` if it is this one. */
export const wrongAudience = (runner: string, runnerId: string, signer?: Rejected["signer"]): Rejected | undefined =>
  runner === runnerId || runner === ANY_RUNNER
    ? undefined
    : reject(
        401,
        signatureError(
          `The request was signed for runner ${runner} and reached runner ${runnerId}. Check the runner's id and URL in the pool.`,
        ),
        { reason: "mismatch", ...(signer === undefined ? {} : { signer }) },
      );

const unread = { executed: "no", phase: "runner_queue" } as const;

/** The rejections of bodies that were not read to their end. */
const incomplete: Readonly<Record<Exclude<BodyRead, Uint8Array | "too_large">, Rejected>> = {
  incomplete: reject(
    400,
    new InvokeError("transport_error", "The connection ended before the request body did.", unread),
  ),
  too_slow: reject(
    408,
    new InvokeError(
      "transport_error",
      "The request body arrived too slowly, and the runner stopped reading it. Check the network between parent and runner.",
      unread,
    ),
  ),
  overloaded: reject(
    503,
    new InvokeError(
      "overloaded",
      "The runner is at its limit for unverified requests, and this one made no progress. Check the network between parent and runner, and what else sends requests to the runner.",
      unread,
    ),
  ),
};

/** Why there is no body. */
const bodyFault = (read: Exclude<BodyRead, Uint8Array>, declared: string | null, maxBytes: number): Rejected =>
  read === "too_large" ? bodyTooLarge(declared, maxBytes) : incomplete[read];

const answerTo = ({ instances }: Addressee, freshness: Freshness): Verified["heartbeat"] =>
  instances === undefined ? null : { instance: freshness.note };

export const makeVerifier = (options: VerifierOptions): Verifier => {
  const { keyring, maxBodyBytes, runnerId, freshness } = options;

  return async (incoming) => {
    if (keyring === undefined) return noSecret;
    const stepMs = freshness.watch.look();
    if (stepMs !== undefined) freshness.onClockStep(stepMs);
    const receivedMs = wallClockMs();

    const read = readRequestHead(incoming.header);
    if ("malformed" in read) return malformed(incoming, read.malformed);
    const { head, line, signature } = read;

    const key = keyring.find(head.keyId);
    if (key === undefined) {
      return reject(401, signatureError(invalidSignature), {
        reason: "unknown_key",
        detail: `The key id "${head.keyId}" is not in this runner's keyring.`,
      });
    }

    const addressee = readAudience(head.audience);
    const outsideMs = freshness.outsideWindow(head, addressee, receivedMs);
    if (outsideMs !== undefined) {
      return reject(401, signatureError(skew(outsideMs, freshness.windowMs)), { reason: "expired" });
    }

    if (incoming.header("content-encoding") !== null || incoming.header("content-type") !== jsonType) {
      const media = unsupportedMedia(incoming);
      if (media !== undefined) return reject(415, unsupported(media));
    }
    const declared = incoming.header("content-length");
    if (declared !== null && !(Number(declared) <= maxBodyBytes)) return bodyTooLarge(declared, maxBodyBytes);
    const body = await incoming.readBody(maxBodyBytes);
    if (typeof body === "string") return bodyFault(body, declared, maxBodyBytes);

    if (!verifyRequest(head, body, signature, key, line)) {
      return reject(401, signatureError(invalidSignature), {
        reason: "mismatch",
        detail: `The signature of invocation ${head.invocationId}, attempt ${head.attempt}, does not match with key "${key.id}": the sender has another secret under that id, or something in between (a proxy, gateway or mesh) changed an x-flame-* header or the body.`,
      });
    }

    incoming.verified();
    const { runner } = addressee;
    const other = options.checkAudience ? wrongAudience(runner, runnerId, { head, key }) : undefined;
    if (other !== undefined) return other;
    return (
      checkFreshness(freshness, runnerId, addressee, { head, key }) ?? {
        _tag: "Verified",
        head,
        key,
        body,
        clockOffsetMs: receivedMs - head.createdMs,
        heartbeat: head.method === HEARTBEAT_METHOD ? answerTo(addressee, freshness) : undefined,
        asksForInstance: addressee.instances === "asking",
      }
    );
  };
};
