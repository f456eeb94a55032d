/**
 * What one side of a link still has to send, and in which order. Frames about the link come first, then calls and
 * answers, then one chunk of a large body, of each body in turn. So a large body does not hold up a small call.
 */
import { type FrameType, frameType, maxFrameBodyBytes } from "./frame.ts";

/** A call or an answer that is to be sent. */
export interface Outgoing {
  readonly type: typeof frameType.call | typeof frameType.answer;
  readonly callId: number;
  readonly body: Uint8Array;
  /** Whether it is no longer needed. It is not sent then, unless it already was. */
  readonly dropped: boolean;
  /**
   * Makes the head. Called once, when the frame is written. From then on the other side may have it. `undefined` if it
   * cannot be sent.
   */
  write(): string | undefined;
}

/** A frame that is ready to be written. */
export interface ReadyFrame {
  readonly type: FrameType;
  readonly callId: number;
  readonly head: string;
  readonly body: Uint8Array;
}

/** A large body that is sent in chunks. */
interface Bulk {
  readonly callId: number;
  readonly body: Uint8Array;
  at: number;
}

const nothing = new Uint8Array(0);

/** Maximum number of frames in a message: the other side works on them while this side makes the next ones. */
const maxFrames = 8;
/** Size at which a message gets no more frames, in bytes. */
const fullMessageBytes = 64 * 1024;

export class Outbox {
  readonly #control: Array<ReadyFrame> = [];
  #queue: Array<Outgoing> = [];
  #first = 0;
  #bulks: Array<Bulk> = [];
  /** Bytes of bodies that may be sent. */
  #windowBytes: number;
  /** Chunks leave this much of the window to small bodies. */
  readonly #reserveBytes: number;
  /** Calls that may be made. */
  #calls: number;

  constructor(windowBytes: number, calls: number) {
    this.#windowBytes = windowBytes;
    this.#reserveBytes = Math.min(windowBytes / 4, windowBytes - maxFrameBodyBytes);
    this.#calls = calls;
  }

  /** Number of frames about the link that wait. */
  get controlFrames(): number {
    return this.#control.length;
  }

  /** Number of calls and answers that wait. */
  get waiting(): number {
    return this.#queue.length - this.#first;
  }

  /** Whether chunks wait. */
  get hasChunks(): boolean {
    return this.#bulks.length > 0;
  }

  add(outgoing: Outgoing): void {
    this.#queue.push(outgoing);
  }

  addControl(type: FrameType, callId: number, body: Uint8Array = nothing): void {
    this.#control.push({ type, callId, head: "", body });
  }

  /** The other side accepts more. */
  grant(calls: number, bytes: number): void {
    this.#calls += calls;
    this.#windowBytes += bytes;
  }

  /** Sends no more chunks of this body. */
  stop(callId: number): void {
    this.#bulks = this.#bulks.filter((bulk) => bulk.callId !== callId);
  }

  /** The frames of the next message, without chunks; empty if there is nothing to send. */
  next(): ReadonlyArray<ReadyFrame> {
    const frames = this.#control.splice(0, maxFrames);
    let bytes = 0;
    while (frames.length < maxFrames && bytes < fullMessageBytes) {
      const outgoing = this.#take();
      if (outgoing === undefined) break;
      const { type, callId, body } = outgoing;
      const head = outgoing.write();
      if (head === undefined) continue;
      if (type === frameType.call) this.#calls--;
      const isSmall = body.byteLength <= maxFrameBodyBytes;
      if (isSmall) this.#windowBytes -= body.byteLength;
      else this.#bulks.push({ callId, body, at: 0 });
      frames.push({ type, callId, head, body: isSmall ? body : nothing });
      bytes += head.length + (isSmall ? body.byteLength : 0);
    }
    return frames;
  }

  /** The next chunk, of the body whose turn it is. */
  nextChunk(): ReadyFrame | undefined {
    const bulk = this.#bulks[0];
    if (bulk === undefined) return undefined;
    const body = bulk.body.subarray(bulk.at, bulk.at + maxFrameBodyBytes);
    if (this.#windowBytes - this.#reserveBytes < body.byteLength) return undefined;
    this.#windowBytes -= body.byteLength;
    bulk.at += body.byteLength;
    this.#bulks.shift();
    if (bulk.at < bulk.body.byteLength) this.#bulks.push(bulk);
    return { type: frameType.chunk, callId: bulk.callId, head: "", body };
  }

  /** The next call or answer that may be sent. */
  #take(): Outgoing | undefined {
    for (; this.#first < this.#queue.length; this.#first++) {
      const outgoing = this.#queue[this.#first]!;
      if (outgoing.dropped) continue;
      const { byteLength } = outgoing.body;
      if (byteLength <= maxFrameBodyBytes && byteLength > this.#windowBytes) return undefined;
      if (outgoing.type === frameType.call && this.#calls === 0) return undefined;
      this.#first++;
      if (this.#first > 1_024 && 2 * this.#first > this.#queue.length) {
        this.#queue = this.#queue.slice(this.#first);
        this.#first = 0;
      }
      return outgoing;
    }
    this.#queue.length = 0;
    this.#first = 0;
    return undefined;
  }
}
