/** An open link to a runner, and the calls on it. */
import type { RequestHead } from "../../../contract/wire/envelope.ts";
import { BodyParts } from "../../../contract/wire/link/body-parts.ts";
import { type Frame, frameType, maxFrameHeadBytes, maxPingBytes } from "../../../contract/wire/link/frame.ts";
import { callHead, readAnswerHead } from "../../../contract/wire/link/heads.ts";
import type { RunnerHello } from "../../../contract/wire/link/hello.ts";
import type { Outgoing } from "../../../contract/wire/link/outbox.ts";
import { LinkPeer, notAllowed, type PeerOptions, type PeerOwner } from "../../../contract/wire/link/peer.ts";
import { ResponseTooLarge } from "../response-body.ts";
import type { HttpExchange, HttpOutcome, OversizedListener } from "../transport.ts";
import type { ClientSocket } from "./client-socket.ts";

/** A call to a runner. */
export interface LinkCall {
  readonly body: Uint8Array;
  /** Maximum size of the body of the answer, in bytes. */
  readonly maxResponseBytes: number;
  readonly oversized: OversizedListener;
  /** The head of the request. Called once, when the call is written. */
  head(): RequestHead;
}

/** A call in progress. */
export class LinkExchange implements HttpExchange, Outgoing {
  readonly type = frameType.call;
  readonly #call: LinkCall;
  readonly #done: (outcome: HttpOutcome) => void;
  #head: RequestHead | undefined;
  #parts: BodyParts | undefined;
  #answer: ReturnType<typeof readAnswerHead> | undefined;
  #over = false;
  /** The link that carries it; `undefined` while it waits for one. */
  link: ParentLink | undefined;
  callId = 0;

  constructor(call: LinkCall, done: (outcome: HttpOutcome) => void) {
    this.#call = call;
    this.#done = done;
  }

  get body(): Uint8Array {
    return this.#call.body;
  }

  get dropped(): boolean {
    return this.#over;
  }

  get sent(): boolean {
    return this.#head !== undefined;
  }

  write(): string | undefined {
    const head = this.#call.head();
    const text = callHead(head, this.#call.body.byteLength);
    if (text.length > maxFrameHeadBytes) {
      const cause = new Error(
        `the head of the call has ${text.length} bytes; the limit of a link is ${maxFrameHeadBytes}`,
      );
      setImmediate(() => {
        this.link?.answered(this);
        this.fail(cause);
      });
      return undefined;
    }
    this.#head = head;
    return text;
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.link?.settled();
    this.link?.canceled(this);
  }

  fail(cause: unknown): void {
    this.end({ failure: { sent: this.sent, cause } });
  }

  end(outcome: HttpOutcome): void {
    if (this.#over) return;
    this.#over = true;
    this.link?.settled();
    this.#done(outcome);
  }

  /** Reads the first frame of the answer. Returns what is wrong with it, if so. */
  answer({ head: text, body }: Frame): string | undefined {
    if (this.#head === undefined || this.#parts !== undefined) return "an ANSWER answers no call";
    const read = readAnswerHead(text, this.#head);
    if ("malformed" in read) return read.malformed;
    const { head, bodyBytes } = read;
    const { maxResponseBytes, oversized } = this.#call;
    const fits = bodyBytes <= maxResponseBytes;
    this.#parts = new BodyParts(bodyBytes, fits && !this.#over);
    this.#answer = read;
    if (!fits && !this.#over) {
      oversized.startCheck({ status: head.status, header: () => undefined, verified: head }, bodyBytes);
      this.fail(new ResponseTooLarge(maxResponseBytes, bodyBytes));
    }
    return this.part(body);
  }

  /** Reads a part of the answer. Returns what is wrong with it, if so. */
  part(body: Buffer): string | undefined {
    const parts = this.#parts;
    if (parts === undefined || this.#answer === undefined || "malformed" in this.#answer)
      return "a CHUNK has no ANSWER";
    if (!parts.add(body)) return "an ANSWER is longer than it says";
    if (!parts.complete) return undefined;
    this.link?.answered(this);
    const { head } = this.#answer;
    this.end({ response: { status: head.status, header: () => undefined, verified: head, body: parts.body } });
    return undefined;
  }
}

/** Who uses a link. */
export interface LinkOwner {
  /** The runner stops: it rejects new calls, and finishes those that it has. */
  onDraining(link: ParentLink): void;
  /** The link is gone. `inOrder` if the runner had announced it. */
  onEnded(link: ParentLink, inOrder: boolean): void;
}

/** Seconds of silence after which an idle link is checked. With calls, it is checked after one. */
const idleChecks = 15;
/** Seconds without a response to a check after which a link is silent. */
const silentChecks = 2;
const maxCallId = 0xffff_fffe;

export class ParentLink implements PeerOwner {
  readonly side = "parent";
  readonly hello: RunnerHello;
  readonly openedAt = performance.now();
  readonly #owner: LinkOwner;
  readonly #socket: ClientSocket;
  readonly #peer: LinkPeer;
  readonly #calls = new Map<number, LinkExchange>();
  readonly #pings = new Map<number, () => void>();
  /** Calls whose callers wait. */
  #live = 0;
  #lastCallId = 0;
  #lastPing = 0;
  #heard = true;
  #quietChecks = 0;
  #unanswered = 0;
  #draining = false;
  #ended = false;
  /** The reason that the runner gave in CLOSE. */
  #closeReason: string | undefined;

  constructor(owner: LinkOwner, hello: RunnerHello, socket: ClientSocket, options: Omit<PeerOptions, "socket">) {
    this.#owner = owner;
    this.hello = hello;
    this.#socket = socket;
    this.#peer = new LinkPeer(this, { socket, ...options });
    this.ping(() => {});
    socket.keepAlive(false);
  }

  /** Whether it can take no more calls, because the call ids are used up. */
  get exhausted(): boolean {
    return this.#lastCallId >= maxCallId;
  }

  /** Whether no call is in progress. */
  get idle(): boolean {
    return this.#calls.size === 0;
  }

  /** Whether the runner has not responded to a check. */
  get silent(): boolean {
    return this.#unanswered > silentChecks;
  }

  call(exchange: LinkExchange): void {
    exchange.link = this;
    exchange.callId = ++this.#lastCallId;
    if (this.#live++ === 0) this.#socket.keepAlive(true);
    this.#calls.set(exchange.callId, exchange);
    this.#peer.send(exchange);
  }

  /** A call is no longer needed. Its answer, if it was sent, still arrives. */
  canceled(exchange: LinkExchange): void {
    if (!exchange.sent) return this.answered(exchange);
    this.#peer.stopBody(exchange.callId);
    this.#peer.sendControl(frameType.cancel, exchange.callId);
  }

  /** A call has its whole answer, or was not sent. */
  answered({ callId }: LinkExchange): void {
    this.#calls.delete(callId);
  }

  /** The caller of a call waits no longer. */
  settled(): void {
    if (--this.#live === 0 && !this.#ended) this.#socket.keepAlive(false);
  }

  /** Asks the runner for a sign of life, which is also one of the parent. */
  ping(onPong: () => void): void {
    const id = ++this.#lastPing;
    const body = Buffer.alloc(8);
    body.writeUInt32BE(id % 2 ** 32, 4);
    this.#pings.set(id % 2 ** 32, onPong);
    this.#peer.sendControl(frameType.ping, 0, body);
  }

  /** Called every second: checks whether the runner still responds. Returns whether it does not. */
  check(): boolean {
    if (this.#heard) {
      this.#heard = false;
      this.#quietChecks = 0;
      this.#unanswered = 0;
      return false;
    }
    this.#quietChecks++;
    if (this.#unanswered > 0) this.#unanswered++;
    else if (this.#live > 0 || this.#quietChecks >= idleChecks) {
      this.#unanswered = 1;
      this.ping(() => {});
    }
    return this.silent;
  }

  receive(message: Buffer): void {
    this.#heard = true;
    this.#peer.receive(message);
  }

  writable(): void {
    this.#peer.writable();
  }

  onFrame(frame: Frame): string | undefined {
    switch (frame.type) {
      case frameType.answer: {
        const exchange = this.#calls.get(frame.callId);
        if (exchange === undefined) return "an ANSWER answers no call";
        this.#peer.stopBody(frame.callId);
        return exchange.answer(frame);
      }
      case frameType.chunk: {
        const exchange = this.#calls.get(frame.callId);
        return exchange === undefined ? "a CHUNK has no ANSWER" : exchange.part(frame.body);
      }
      case frameType.ping:
        if (frame.body.length > maxPingBytes) return "a PING is too large";
        this.#peer.sendControl(frameType.pong, 0, Buffer.from(frame.body));
        return undefined;
      case frameType.pong:
        return this.#onPong(frame.body);
      case frameType.goAway:
        if (!this.#draining) {
          this.#draining = true;
          this.#owner.onDraining(this);
        }
        return undefined;
      case frameType.close:
        this.#closeReason = frame.body.toString("utf8", 0, 200);
        return undefined;
      default:
        return notAllowed(frame);
    }
  }

  onViolation(reason: string): void {
    this.lost(new Error(`the link was ended: ${reason}`));
  }

  /** The connection is gone. Calls that were not written did not run; the others may have. */
  lost(cause: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#peer.end();
    this.#socket.destroy();
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#pings.clear();
    this.#owner.onEnded(this, this.#draining && this.#live === 0);
    const said =
      this.#closeReason === undefined ? cause : new Error(`the runner closed the link: ${this.#closeReason}`);
    for (const exchange of calls) exchange.fail(said);
  }

  /** Ends the link. Calls on it fail. */
  close(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#peer.close(reason);
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#pings.clear();
    this.#owner.onEnded(this, true);
    for (const exchange of calls) exchange.fail(Object.assign(new Error(reason), { code: "ECONNRESET" }));
  }

  #onPong(body: Buffer): string | undefined {
    if (body.length !== 8) return "a PONG is malformed";
    const id = body.readUInt32BE(4);
    const onPong = this.#pings.get(id);
    this.#pings.delete(id);
    onPong?.();
    return undefined;
  }
}
