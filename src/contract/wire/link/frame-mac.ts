/**
 * Authenticates the frames of one direction of a link: HMAC-SHA256 under the session key over the sequence number and
 * the frame. The sequence number is not sent. It counts the frames of the direction, so a frame that is missing,
 * repeated, moved or changed does not verify, and neither does any frame after it.
 */
import { hash, timingSafeEqual } from "node:crypto";
import { macBytes } from "./frame.ts";

const blockBytes = 64;
const sequenceBytes = 8;
/** Where a frame starts in the scratch: behind the padded key and the sequence number. */
const frameAt = blockBytes + sequenceBytes;
const twoTo32 = 2 ** 32;

export class FrameMac {
  /** The inner padded key, the sequence number, and the frame: what the inner hash covers. */
  #inner: Buffer;
  /** The outer padded key, and the inner hash. Two one-shot hashes cost half of an `Hmac` object. */
  readonly #outer = Buffer.alloc(blockBytes + macBytes);
  readonly #expected = Buffer.alloc(macBytes);
  #sequence = 0;

  /** @param key the session key of the direction, 32 bytes */
  constructor(key: Uint8Array) {
    this.#inner = Buffer.alloc(frameAt + 4_096, 0);
    for (let index = 0; index < blockBytes; index++) {
      const byte = key[index] ?? 0;
      this.#inner[index] = byte ^ 0x36;
      this.#outer[index] = byte ^ 0x5c;
    }
  }

  /** Signs the next frame, which starts at `from`: writes its MAC to `macAt`. */
  sign(message: Buffer, from: number, macAt: number): void {
    message.write(this.#next(message, from, macAt), macAt, "latin1");
  }

  /** Whether this is the next frame, unchanged. Compares in constant time. */
  verify(message: Buffer, from: number, macAt: number): boolean {
    this.#expected.write(this.#next(message, from, macAt), 0, "latin1");
    return timingSafeEqual(this.#expected, message.subarray(macAt, macAt + macBytes));
  }

  #next(message: Buffer, from: number, to: number): string {
    const length = frameAt + to - from;
    if (length > this.#inner.length) {
      const larger = Buffer.alloc(2 * length);
      this.#inner.copy(larger, 0, 0, blockBytes);
      this.#inner = larger;
    }
    const inner = this.#inner;
    const sequence = ++this.#sequence;
    inner.writeUInt32BE(Math.floor(sequence / twoTo32), blockBytes);
    inner.writeUInt32BE(sequence % twoTo32, blockBytes + 4);
    message.copy(inner, frameAt, from, to);
    this.#outer.write(hash("sha256", inner.subarray(0, length), "binary"), blockBytes, "latin1");
    return hash("sha256", this.#outer, "binary");
  }
}
