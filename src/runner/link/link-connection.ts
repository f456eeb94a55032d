/**
 * A link of a parent: HELLO within its limits, then the frames of the parent. Nothing is executed before the first frame
 * has proven that HELLO is no recording.
 */
import { type CallError, InvokeError } from "../../contract/errors.ts";
import type { RequestHead } from "../../contract/wire/envelope.ts";
import { BodyParts } from "../../contract/wire/link/body-parts.ts";
import { FrameMac } from "../../contract/wire/link/frame-mac.ts";
import { type Frame, frameType, maxPingBytes } from "../../contract/wire/link/frame.ts";
import { readCallHead } from "../../contract/wire/link/heads.ts";
import {
  newLinkNonce,
  type ParentHello,
  readParentHello,
  type RunnerHello,
  runnerHello,
  sessionKey,
  verifyParentHello,
} from "../../contract/wire/link/hello.ts";
import type { Outgoing } from "../../contract/wire/link/outbox.ts";
import {
  closeCode,
  LinkPeer,
  type LinkSocket,
  messageRoom,
  notAllowed,
  type PeerOwner,
} from "../../contract/wire/link/peer.ts";
import { invalidSignature, type Keyring, type SigningKey } from "../../contract/wire/signature.ts";
import type { Freshness } from "../request/freshness.ts";
import { reject, type Rejected, signatureError } from "../request/rejected.ts";
import { bodyTooLarge, wrongAudience } from "../request/verify.ts";
import { errorReply } from "../http/respond.ts";
import { type InvocationLink, LinkInvocation } from "./link-invocation.ts";

/** The WebSocket of a link on this runtime. */
export interface ServerSocket extends LinkSocket {
  /** Closes the connection at once. */
  destroy(): void;
  /** Lifts the limits for unverified connections. */
  verified(): void;
}

export interface LinkConnectionDeps {
  readonly keyring: Keyring;
  readonly runnerId: string;
  /** Whether `runnerId` was configured, so that parents know it and must name it. */
  readonly checkAudience: boolean;
  readonly freshness: Pick<Freshness, "note">;
  readonly maxBodyBytes: number;
  /** Runs a call. */
  invoke(invocation: LinkInvocation): void;
  /** Reports what was rejected. */
  rejected(rejected: Rejected, what: "hello" | "frame"): void;
  /** A verified frame has arrived: the parent is alive. */
  heard(): void;
  /** The connection is gone. */
  ended(connection: LinkConnection): void;
}

/** How long a parent has to prove that it has the key, in milliseconds. */
const helloTimeoutMs = 5_000;
/** How many calls a parent may make before earlier ones have their answers. */
const maxCalls = 1_024;
/** How many bytes of arguments a parent may send before the runner has handled them. */
const windowBytes = 512 * 1024;
/** Checks in a row without a frame after which a link is given up. */
const maxQuietChecks = 6;

const malformedHello = reject(400, signatureError("The HELLO of the link is malformed."), { reason: "malformed" });

const unverified = (reason: "unknown_key" | "mismatch", keyId: string): Rejected =>
  reject(401, signatureError(invalidSignature), {
    reason,
    detail:
      reason === "unknown_key"
        ? `The key id "${keyId}" of a link is not in this runner's keyring.`
        : `The HELLO of a link does not match with key "${keyId}": the sender has another secret under that id, or something in between changed it.`,
  });

const malformedHead = (problem: string): Rejected =>
  reject(400, signatureError(`The head of the call is invalid: ${problem}.`), { reason: "malformed" });

/** Stands in for a head that cannot be read. An answer does not repeat it. */
const noHead: RequestHead = {
  method: "",
  invocationId: "",
  attempt: 1,
  audience: "",
  keyId: "",
  createdMs: 0,
  nonce: "",
  timeoutMs: 0,
};

const canceledEarly = (method: string): CallError =>
  new InvokeError("canceled", `${method} was canceled before its arguments had arrived.`, {
    executed: "no",
    phase: "runner_queue",
  });

export class LinkConnection implements PeerOwner, InvocationLink {
  readonly side = "runner";
  readonly #deps: LinkConnectionDeps;
  readonly #socket: ServerSocket;
  readonly #helloTimer: NodeJS.Timeout;
  readonly #calls = new Map<number, LinkInvocation>();
  #peer: LinkPeer | undefined;
  #hello: ParentHello | undefined;
  #lastCallId = 0;
  #confirmed = false;
  #draining = false;
  #quietChecks = 0;
  #ended = false;

  constructor(deps: LinkConnectionDeps, socket: ServerSocket) {
    this.#deps = deps;
    this.#socket = socket;
    this.#helloTimer = setTimeout(() => {
      this.#close(closeCode.timeout, `no HELLO within ${helloTimeoutMs / 1000} s`);
    }, helloTimeoutMs).unref();
  }

  get runnerId(): string {
    return this.#deps.runnerId;
  }

  get keyId(): string {
    return this.#hello!.keyId;
  }

  /** Whether everything was handed to the system. */
  get flushed(): boolean {
    return this.#peer?.flushed !== false;
  }

  receive(message: Buffer): void {
    if (this.#ended) return;
    this.#quietChecks = 0;
    if (this.#peer === undefined) this.#readHello(message);
    else this.#peer.receive(message);
  }

  /** A message that is no frame. */
  receiveText(): void {
    this.#close(closeCode.malformed, "a message is not binary");
  }

  writable(): void {
    this.#peer?.writable();
  }

  /** The connection is gone. Handlers whose caller is gone are interrupted. */
  lost(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#helloTimer);
    this.#peer?.end();
    this.#deps.ended(this);
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.disconnect();
  }

  /** Announces that the runner stops. */
  goAway(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#peer?.sendControl(frameType.goAway, 0);
  }

  close(reason: string): void {
    this.#close(closeCode.done, reason);
  }

  /** Called from time to time: gives up a parent that is silent. */
  check(): void {
    if (++this.#quietChecks >= maxQuietChecks) this.#close(closeCode.timeout, "no sign of life from the parent");
  }

  onFrame(frame: Frame): string | undefined {
    if (!this.#confirmed) {
      this.#confirmed = true;
      clearTimeout(this.#helloTimer);
      this.#socket.verified();
    }
    switch (frame.type) {
      case frameType.call:
        this.#deps.heard();
        return this.#onCall(frame);
      case frameType.chunk:
        return this.#onChunk(frame);
      case frameType.cancel:
        return this.#onCancel(frame);
      case frameType.ping:
        if (frame.body.length > maxPingBytes) return "a PING is too large";
        this.#deps.heard();
        this.#peer!.sendControl(frameType.pong, 0, Buffer.from(frame.body));
        return undefined;
      case frameType.pong:
      case frameType.close:
        return undefined;
      default:
        return notAllowed(frame);
    }
  }

  onViolation(reason: string): void {
    const what = `A link was ended: ${reason}.`;
    this.#deps.rejected(reject(401, signatureError(what), { reason: "mismatch", detail: what }), "frame");
    this.lost();
  }

  answer(invocation: LinkInvocation, outgoing: Outgoing): void {
    this.#calls.delete(invocation.callId);
    this.#peer?.send(outgoing);
  }

  written(): void {
    this.#peer?.callEnded();
  }

  #readHello(message: Buffer): void {
    const { keyring, runnerId, checkAudience, freshness, maxBodyBytes } = this.#deps;
    const read = readParentHello(message);
    if (read === undefined) return this.#reject(closeCode.malformed, malformedHello);
    const { keyId, audience, windowBytes: sendWindowBytes } = read.hello;
    const key = keyring.find(keyId);
    if (key === undefined) return this.#reject(closeCode.unauthorized, unverified("unknown_key", keyId));
    if (!verifyParentHello(read, key)) return this.#reject(closeCode.unauthorized, unverified("mismatch", keyId));
    const other = checkAudience ? wrongAudience(audience, runnerId) : undefined;
    if (other !== undefined) return this.#reject(closeCode.wrongRunner, other);
    const { id, nowMs } = freshness.note;
    const hello: RunnerHello = {
      runnerId,
      instanceId: id,
      nowMs,
      nonce: newLinkNonce(),
      maxBodyBytes,
      calls: maxCalls,
      windowBytes,
    };
    this.#hello = read.hello;
    this.#start(read.line, hello, key, sendWindowBytes);
  }

  #start(parentLine: string, hello: RunnerHello, key: SigningKey, sendWindowBytes: number): void {
    const { line, message } = runnerHello(hello, parentLine, key);
    this.#socket.send(Buffer.concat([Buffer.alloc(messageRoom), message]), messageRoom);
    this.#peer = new LinkPeer(this, {
      socket: this.#socket,
      sending: new FrameMac(sessionKey("runner", parentLine, line, key)),
      receiving: new FrameMac(sessionKey("parent", parentLine, line, key)),
      sendWindowBytes,
      sendCalls: 0,
      receiveWindowBytes: windowBytes,
      receiveCalls: maxCalls,
    });
    if (this.#draining) this.#peer.sendControl(frameType.goAway, 0);
  }

  #onCall({ callId, head: text, body }: Frame): string | undefined {
    if (callId <= this.#lastCallId) return "a call id was used before";
    this.#lastCallId = callId;
    const read = readCallHead(text);
    if ("malformed" in read) return this.#rejectCall(callId, noHead, malformedHead(read.malformed));
    const { head, bodyBytes } = read;
    const { maxBodyBytes } = this.#deps;
    const rejected = bodyBytes <= maxBodyBytes ? this.#wrongHead(head) : bodyTooLarge(String(bodyBytes), maxBodyBytes);
    if (rejected !== undefined) return this.#rejectCall(callId, head, rejected);
    const call = new LinkInvocation(this, callId, head, new BodyParts(bodyBytes));
    this.#calls.set(callId, call);
    return this.#addPart(call, body);
  }

  /** Answers a call that is not run. The rest of its arguments is ignored. */
  #rejectCall(callId: number, head: RequestHead, rejected: Rejected): undefined {
    this.#deps.rejected(rejected, "frame");
    const call = new LinkInvocation(this, callId, head, new BodyParts(0));
    call.respond(errorReply(call.arrivedAt, rejected.error));
  }

  #onChunk({ callId, body }: Frame): string | undefined {
    const call = this.#calls.get(callId);
    if (call !== undefined && !call.complete) return this.#addPart(call, body);
    // The rest of a call that has its answer already.
    return callId > 0 && callId <= this.#lastCallId ? undefined : "a CHUNK belongs to no call";
  }

  #addPart(call: LinkInvocation, part: Buffer): string | undefined {
    if (!call.add(part)) return "arguments are longer than their CALL says";
    if (call.complete) this.#deps.invoke(call);
    return undefined;
  }

  #onCancel({ callId }: Frame): string | undefined {
    if (callId === 0 || callId > this.#lastCallId) return "a CANCEL belongs to no call";
    const call = this.#calls.get(callId);
    if (call === undefined) return undefined;
    if (call.complete) call.disconnect();
    else call.respond(errorReply(call.arrivedAt, canceledEarly(call.head.method)));
    return undefined;
  }

  /** A call is for the runner and under the key of the link's HELLO. */
  #wrongHead({ audience, keyId }: RequestHead): Rejected | undefined {
    const hello = this.#hello!;
    if (audience === hello.audience && keyId === hello.keyId) return undefined;
    return reject(401, signatureError("The audience or the key id of the call is not that of its link."));
  }

  #reject(code: number, rejected: Rejected): void {
    this.#deps.rejected(rejected, "hello");
    this.#close(code, rejected.error.message);
  }

  #close(code: number, reason: string): void {
    if (this.#ended) return;
    if (this.#peer === undefined) this.#socket.close(code, reason.slice(0, 120));
    else this.#peer.close(reason, code);
    this.lost();
  }
}
