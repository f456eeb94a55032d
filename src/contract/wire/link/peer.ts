/**
 * One side of an open link: signs, orders and writes frames, and verifies and counts those of the other side. It does no
 * I/O itself. A frame that does not verify, or that the protocol does not allow at this point, ends the link.
 */
import type { FrameMac } from "./frame-mac.ts";
import {
  type Frame,
  frameBytes,
  frameName,
  type FrameType,
  frameType,
  maxFrameBodyBytes,
  readFrame,
  writeFrame,
} from "./frame.ts";
import { logFrame } from "./frame-log.ts";
import { Outbox, type Outgoing, type ReadyFrame } from "./outbox.ts";

/** The connection below a link. */
export interface LinkSocket {
  /**
   * Sends the bytes from `from` as one message. It may overwrite the {@link messageRoom} bytes before them. Returns
   * whether more can be sent now; otherwise {@link LinkPeer.writable} is called later.
   */
  send(message: Buffer, from: number): boolean;
  /** Stops reading. */
  pause(): void;
  resume(): void;
  /** Sends what is buffered, then closes the connection. */
  close(code: number, reason: string): void;
}

/** Bytes in front of a message for the header of a WebSocket frame, so that the message is aligned to words. */
export const messageRoom = 16;

/** WebSocket close codes of links. */
export const closeCode = {
  /** The link ends in order. */
  done: 1000,
  /** A HELLO or a frame is malformed, or not allowed at this point. */
  malformed: 4400,
  /** The HELLO does not prove the key, or a frame does not verify. */
  unauthorized: 4401,
  /** The HELLO names another runner. */
  wrongRunner: 4403,
  /** No HELLO in time. */
  timeout: 4408,
} as const;

/** Who uses the link. */
export interface PeerOwner {
  /** `parent` or `runner`, for the log. */
  readonly side: string;
  /** A verified frame has arrived, except CREDIT. Returns why the protocol does not allow it, if so. */
  onFrame(frame: Frame): string | undefined;
  /** The other side broke the protocol. The link is closed. */
  onViolation(reason: string): void;
}

export interface PeerOptions {
  readonly socket: LinkSocket;
  readonly sending: FrameMac;
  readonly receiving: FrameMac;
  /** What the other side accepts. */
  readonly sendWindowBytes: number;
  readonly sendCalls: number;
  /** What this side accepts. */
  readonly receiveWindowBytes: number;
  readonly receiveCalls: number;
}

/** Frames that wait for the end of the turn of the event loop. With more, they are written at once. */
const framesPerTurn = 8;
/** Frames about the link that may wait before this side stops reading. */
const maxControlFrames = 1_024;

const hasBody = (type: number): boolean =>
  type === frameType.call || type === frameType.chunk || type === frameType.answer;

export class LinkPeer {
  readonly #owner: PeerOwner;
  readonly #socket: LinkSocket;
  readonly #sending: FrameMac;
  readonly #receiving: FrameMac;
  readonly #outbox: Outbox;
  readonly #windowBytes: number;
  readonly #maxCalls: number;
  /** What the other side may still send. */
  #receivableBytes: number;
  #receivableCalls: number;
  /** What was handled and is not granted again yet. */
  #handledBytes = 0;
  #handledCalls = 0;
  #added = 0;
  #scheduled = false;
  #blocked = false;
  #paused = false;
  #closed = false;
  readonly #onTurnEnd = (): void => {
    this.#scheduled = false;
    this.#flush();
  };

  constructor(owner: PeerOwner, options: PeerOptions) {
    this.#owner = owner;
    this.#socket = options.socket;
    this.#sending = options.sending;
    this.#receiving = options.receiving;
    this.#outbox = new Outbox(options.sendWindowBytes, options.sendCalls);
    this.#windowBytes = this.#receivableBytes = options.receiveWindowBytes;
    this.#maxCalls = this.#receivableCalls = options.receiveCalls;
  }

  /** Sends a call or an answer, as soon as the other side accepts it. */
  send(outgoing: Outgoing): void {
    if (this.#closed) return;
    this.#outbox.add(outgoing);
    this.#onAdded();
  }

  /** Sends a frame about the link or about a call. */
  sendControl(type: FrameType, callId: number, body?: Uint8Array): void {
    if (this.#closed) return;
    this.#outbox.addControl(type, callId, body);
    this.#onAdded();
    if (this.#paused || this.#outbox.controlFrames < maxControlFrames) return;
    this.#paused = true;
    this.#socket.pause();
  }

  /** Sends no more chunks of this body. */
  stopBody(callId: number): void {
    this.#outbox.stop(callId);
  }

  /** A call has ended, so the other side may make another one. */
  callEnded(): void {
    this.#handledCalls++;
    if (4 * this.#handledCalls >= this.#maxCalls) this.#grant();
  }

  /** The socket can send again. */
  writable(): void {
    if (this.#closed || !this.#blocked) return;
    this.#blocked = false;
    this.#flush();
  }

  /** Whether everything was handed to the socket. */
  get flushed(): boolean {
    return (
      this.#closed || (!this.#blocked && !this.#scheduled && this.#outbox.waiting === 0 && !this.#outbox.hasChunks)
    );
  }

  /** A message has arrived. */
  receive(message: Buffer): void {
    for (let at = 0; at < message.length && !this.#closed;) {
      const frame = readFrame(message, at);
      if (frame === undefined) return this.#violated(closeCode.malformed, "a frame is malformed");
      if (!this.#receiving.verify(message, at, frame.macAt)) {
        const what = "a frame was changed, lost, repeated or added on the way, or its sender has another key";
        return this.#violated(closeCode.unauthorized, what);
      }
      at = frame.end;
      logFrame(this.#owner.side, "received", frame);
      const problem = this.#take(frame);
      if (problem !== undefined) return this.#violated(closeCode.malformed, problem);
    }
  }

  /** Sends CLOSE with a reason, and closes the connection. */
  close(reason: string, code: number = closeCode.done): void {
    if (this.#closed) return;
    const frame = { type: frameType.close, callId: 0, head: "", body: Buffer.from(reason) };
    this.#write([frame]);
    this.#closed = true;
    this.#socket.close(code, reason.slice(0, 100));
  }

  /** The connection is gone: nothing is sent or received any more. */
  end(): void {
    this.#closed = true;
  }

  #take(frame: Frame): string | undefined {
    const { type, body } = frame;
    if (hasBody(type)) {
      this.#receivableBytes -= body.length;
      if (type === frameType.call) this.#receivableCalls--;
      if (this.#receivableBytes < 0 || this.#receivableCalls < 0) return "the other side sent more than it may";
      if (body.length > maxFrameBodyBytes) return "a frame is too large";
      const problem = this.#owner.onFrame(frame);
      this.#handledBytes += body.length;
      if (4 * this.#handledBytes >= this.#windowBytes) this.#grant();
      return problem;
    }
    if (type !== frameType.credit) return this.#owner.onFrame(frame);
    if (body.length !== 8) return "a CREDIT is malformed";
    this.#outbox.grant(body.readUInt32BE(0), body.readUInt32BE(4));
    this.#schedule();
    return undefined;
  }

  #grant(): void {
    const credit = Buffer.alloc(8);
    credit.writeUInt32BE(this.#handledCalls, 0);
    credit.writeUInt32BE(this.#handledBytes, 4);
    this.#receivableCalls += this.#handledCalls;
    this.#receivableBytes += this.#handledBytes;
    this.#handledCalls = 0;
    this.#handledBytes = 0;
    this.sendControl(frameType.credit, 0, credit);
  }

  #violated(code: number, reason: string): void {
    this.close(reason, code);
    this.#owner.onViolation(reason);
  }

  #onAdded(): void {
    if (++this.#added >= framesPerTurn) this.#flush();
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#blocked) return;
    this.#scheduled = true;
    setImmediate(this.#onTurnEnd);
  }

  /** Writes what may be written: all small frames, and one chunk per turn of the event loop. */
  #flush(): void {
    this.#added = 0;
    while (!this.#blocked && !this.#closed) {
      const frames = this.#outbox.next();
      if (frames.length === 0) break;
      this.#write(frames);
    }
    if (this.#blocked || this.#closed) return;
    const chunk = this.#outbox.nextChunk();
    if (chunk !== undefined) {
      this.#write([chunk]);
      this.#schedule();
    }
    if (this.#paused && this.#outbox.controlFrames === 0) {
      this.#paused = false;
      this.#socket.resume();
    }
  }

  #write(frames: ReadonlyArray<ReadyFrame>): void {
    let size = messageRoom;
    for (const { head, body } of frames) size += frameBytes(head.length, body.byteLength);
    const message = Buffer.allocUnsafe(size);
    let at = messageRoom;
    for (const { type, callId, head, body } of frames) {
      const macAt = writeFrame(message, at, type, callId, head, body);
      this.#sending.sign(message, at, macAt);
      logFrame(this.#owner.side, "sent", { type, callId, head, body });
      at = macAt + 32;
    }
    if (!this.#socket.send(message, messageRoom)) this.#blocked = true;
  }
}

/** Why a frame of this type is not allowed. */
export const notAllowed = ({ type }: Pick<Frame, "type">): string => `${frameName(type)} is not allowed here`;
