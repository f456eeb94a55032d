/** A call that arrived on a link, and its answer. */
import { wallClockMs } from "../../contract/wire/clock.ts";
import type { InvocationReply } from "../../contract/wire/dispatcher.ts";
import type { RequestHead, ResponseHead } from "../../contract/wire/envelope.ts";
import type { BodyParts } from "../../contract/wire/link/body-parts.ts";
import { frameType } from "../../contract/wire/link/frame.ts";
import { answerHead } from "../../contract/wire/link/heads.ts";
import type { Outgoing } from "../../contract/wire/link/outbox.ts";

/** The link of a call. */
export interface InvocationLink {
  readonly runnerId: string;
  readonly keyId: string;
  /** Sends an answer. */
  answer(invocation: LinkInvocation, outgoing: Outgoing): void;
  /** The answer was written, and the parent may make another call. */
  written(): void;
}

/** The answer, while it waits to be written. */
class Answer implements Outgoing {
  readonly type = frameType.answer;
  readonly dropped = false;
  readonly callId: number;
  readonly body: Uint8Array;
  readonly #link: InvocationLink;
  readonly #head: ResponseHead;

  constructor(link: InvocationLink, callId: number, head: ResponseHead, body: Uint8Array) {
    this.#link = link;
    this.callId = callId;
    this.#head = head;
    this.body = body;
  }

  write(): string {
    this.#link.written();
    return answerHead(this.#head, this.body.byteLength);
  }
}

export class LinkInvocation {
  readonly #link: InvocationLink;
  readonly #parts: BodyParts;
  readonly callId: number;
  readonly head: RequestHead;
  /** `performance.now()` at which its first frame arrived. */
  readonly arrivedAt = performance.now();
  /** The runner's clock minus the parent's, plus the travel time, in milliseconds. */
  readonly clockOffsetMs: number;
  #onDisconnect: (() => void) | undefined;
  #disconnected = false;

  constructor(link: InvocationLink, callId: number, head: RequestHead, parts: BodyParts) {
    this.#link = link;
    this.callId = callId;
    this.head = head;
    this.#parts = parts;
    this.clockOffsetMs = wallClockMs() - head.createdMs;
  }

  /** Whether its arguments have arrived. */
  get complete(): boolean {
    return this.#parts.complete;
  }

  get body(): Uint8Array {
    return this.#parts.body;
  }

  /** Adds a part of the arguments. Returns `false` if it does not fit. */
  add(part: Buffer): boolean {
    return this.#parts.add(part);
  }

  /** Calls back when the parent cancels the call, or the link is lost. Returns a function that stops this. */
  onDisconnect(listener: () => void): () => void {
    if (this.#disconnected) listener();
    else this.#onDisconnect = listener;
    return () => {
      this.#onDisconnect = undefined;
    };
  }

  /** The parent waits no longer. */
  disconnect(): void {
    this.#disconnected = true;
    this.#onDisconnect?.();
  }

  respond({ status, outcome, body, timings }: InvocationReply): void {
    const { nonce, invocationId, attempt } = this.head;
    const { runnerId, keyId } = this.#link;
    const head: ResponseHead = { nonce, invocationId, attempt, runnerId, keyId, status, outcome, timings };
    this.#link.answer(this, new Answer(this.#link, this.callId, head, body));
  }
}
