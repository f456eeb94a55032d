/**
 * The client side of a WebSocket: binary messages on a connection that is already open. It is not a library because of
 * Bun: a link must not keep a process alive while no call is in progress, and Bun's WebSocket, which also stands in for
 * `ws` there, has no `unref`. A connection of our own also has the pool's certificates and proxy on both runtimes.
 */
import { randomFillSync } from "node:crypto";
import type { Socket } from "node:net";
import { maxMessageBytes } from "../../../contract/wire/link/frame.ts";
import type { LinkSocket } from "../../../contract/wire/link/peer.ts";

/** Receives what arrives. */
export interface ClientSocketListener {
  onMessage(message: Buffer): void;
  /** The socket can send again. */
  onWritable(): void;
  /** The connection is closed. `code` and `reason` are those of the other side, if it sent any. */
  onClosed(cause: Error, code: number | undefined): void;
}

const opcode = { continuation: 0, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const final = 0x80;
const masked = 0x80;
const nothing = Buffer.alloc(0);
/** How long the other side has to close the connection, in milliseconds. */
const closeTimeoutMs = 1_000;

const masks = Buffer.alloc(1_024);
let usedMasks = masks.length;

/** Fills in four random bytes, drawn from the system in larger portions. */
const writeMask = (target: Buffer, at: number): void => {
  if (usedMasks === masks.length) {
    randomFillSync(masks);
    usedMasks = 0;
  }
  masks.copy(target, at, usedMasks, usedMasks + 4);
  usedMasks += 4;
};

/** Masks the bytes from `from` in place, words first. */
const applyMask = (bytes: Buffer, from: number, maskAt: number): void => {
  const start = bytes.byteOffset + from;
  const words = start % 4 === 0 ? (bytes.length - from) >> 2 : 0;
  if (words > 0) {
    const view = new Int32Array(bytes.buffer, start, words);
    const mask = new Int32Array(Uint8Array.prototype.slice.call(bytes, maskAt, maskAt + 4).buffer)[0]!;
    for (let index = 0; index < words; index++) view[index]! ^= mask;
  }
  for (let index = from + 4 * words; index < bytes.length; index++)
    bytes[index]! ^= bytes[maskAt + ((index - from) & 3)]!;
};

export class ClientSocket implements LinkSocket {
  readonly #socket: Socket;
  readonly #listener: ClientSocketListener;
  /** Bytes of an incomplete frame. */
  #held: Buffer = nothing;
  /** Parts of an incomplete message. */
  #parts: Array<Buffer> = [];
  #code: number | undefined;
  #closed = false;

  constructor(socket: Socket, listener: ClientSocketListener) {
    this.#socket = socket;
    this.#listener = listener;
    socket
      .on("data", (bytes: Buffer) => this.#received(bytes))
      .on("drain", () => listener.onWritable())
      .on("error", (error) => this.#lost(error))
      .on("end", () => this.#lost(undefined))
      .on("close", () => this.#lost(undefined))
      .resume();
  }

  /** Whether the connection keeps the process alive. */
  keepAlive(yes: boolean): void {
    if (yes) this.#socket.ref();
    else this.#socket.unref();
  }

  send(message: Buffer, from: number): boolean {
    return this.#closed || this.#sendFrame(opcode.binary, message, from);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    const frame = Buffer.alloc(8 + Buffer.byteLength(reason));
    frame.writeUInt16BE(code, 6);
    frame.write(reason, 8);
    this.#sendFrame(opcode.close, frame, 6);
    this.#closed = true;
    const socket = this.#socket;
    socket.end();
    const timer = setTimeout(() => socket.destroy(), closeTimeoutMs);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
  }

  /** Closes the connection at once. */
  destroy(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  /** Writes the header into the bytes before `from`, and masks the rest. */
  #sendFrame(type: number, bytes: Buffer, from: number): boolean {
    const length = bytes.length - from;
    const maskAt = from - 4;
    let at: number;
    if (length < 126) {
      at = maskAt - 2;
      bytes[at + 1] = masked | length;
    } else if (length < 65_536) {
      at = maskAt - 4;
      bytes[at + 1] = masked | 126;
      bytes.writeUInt16BE(length, at + 2);
    } else {
      at = maskAt - 10;
      bytes[at + 1] = masked | 127;
      bytes.writeUInt32BE(0, at + 2);
      bytes.writeUInt32BE(length, at + 6);
    }
    bytes[at] = final | type;
    writeMask(bytes, maskAt);
    applyMask(bytes, from, maskAt);
    return this.#socket.write(at === 0 ? bytes : bytes.subarray(at));
  }

  #received(bytes: Buffer): void {
    let rest = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = nothing;
    while (rest.length > 0 && !this.#closed) {
      const next = this.#readFrame(rest);
      if (next === undefined) {
        this.#held = rest;
        return;
      }
      rest = next;
    }
  }

  /** Reads one frame, and returns the bytes after it; `undefined` if it is incomplete. */
  #readFrame(bytes: Buffer): Buffer | undefined {
    if (bytes.length < 2) return undefined;
    const first = bytes[0]!;
    const short = bytes[1]!;
    const from = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < from) return undefined;
    const length =
      short < 126
        ? short
        : short === 126
          ? bytes.readUInt16BE(2)
          : bytes.readUInt32BE(2) * 2 ** 32 + bytes.readUInt32BE(6);
    if ((first & 0x70) !== 0 || short >= masked || length > maxMessageBytes) {
      this.#fail("the runner sent a WebSocket frame that is malformed or too large");
      return nothing;
    }
    if (bytes.length < from + length) return undefined;
    this.#take(first & 0x0f, (first & final) !== 0, bytes.subarray(from, from + length));
    return bytes.subarray(from + length);
  }

  #take(type: number, isFinal: boolean, payload: Buffer): void {
    switch (type) {
      case opcode.binary:
        if (this.#parts.length > 0) return this.#fail("the runner sent a WebSocket message within another one");
        if (isFinal) this.#listener.onMessage(payload);
        else this.#parts.push(payload);
        return;
      case opcode.continuation: {
        if (this.#parts.length === 0) return this.#fail("the runner continued no WebSocket message");
        this.#parts.push(payload);
        const size = this.#parts.reduce((sum, part) => sum + part.length, 0);
        if (size > maxMessageBytes) return this.#fail("the runner sent a WebSocket message that is too large");
        if (!isFinal) return;
        const message = Buffer.concat(this.#parts);
        this.#parts = [];
        this.#listener.onMessage(message);
        return;
      }
      case opcode.ping: {
        const frame = Buffer.alloc(6 + payload.length);
        frame.set(payload, 6);
        this.#sendFrame(opcode.pong, frame, 6);
        return;
      }
      case opcode.close:
        this.#code = payload.length >= 2 ? payload.readUInt16BE(0) : undefined;
        this.#fail(payload.toString("utf8", 2) || "the runner closed the link");
        return;
      case opcode.pong:
        return;
      default:
        this.#fail("the runner sent a WebSocket frame of an unknown type");
    }
  }

  #fail(reason: string): void {
    this.#lost(Object.assign(new Error(reason), { code: "ECONNRESET" }));
    this.#socket.destroy();
  }

  #lost(cause: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    const error = cause ?? Object.assign(new Error("the runner closed the connection"), { code: "ECONNRESET" });
    this.#listener.onClosed(error, this.#code);
  }
}
