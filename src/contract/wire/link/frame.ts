/**
 * The frames of a link: the parts of a binary WebSocket message. A message has one or more whole frames. `docs/protocol.md`
 * defines the bytes; `test/vectors/link-1.json` has examples.
 *
 *   length (4) · type (1) · zero (1) · length of the head (2) · call id (4) · head · body · MAC (32)
 *
 * Numbers are big-endian. The length counts what follows it.
 */

/** The WebSocket subprotocol of a link. */
export const LINK_PROTOCOL = "flame.1";

/** The path of links on a runner whose calls have the path `invokePath`. */
export const linkPath = (invokePath: string): string => `${invokePath.replace(/\/+$/, "")}/link`;

/** The types of frames. */
export const frameType = {
  hello: 1,
  call: 2,
  chunk: 3,
  answer: 4,
  cancel: 5,
  credit: 6,
  ping: 7,
  pong: 8,
  goAway: 9,
  close: 10,
} as const;

export type FrameType = (typeof frameType)[keyof typeof frameType];

const names = new Map<number, string>(Object.entries(frameType).map(([name, type]) => [type, name.toUpperCase()]));

/** The name of a frame's type, such as `CALL`. */
export const frameName = (type: number): string => names.get(type) ?? `type ${type}`;

/** Bytes before the head. */
export const frameHeaderBytes = 12;
export const macBytes = 32;

/** Maximum size of the head of a frame, in bytes. */
export const maxFrameHeadBytes = 0xffff;

/** Maximum size of the body of a frame, in bytes. Larger bodies are sent in chunks. */
export const maxFrameBodyBytes = 32 * 1024;

/** Maximum size of the body of a PING, in bytes. */
export const maxPingBytes = 64;

/** Maximum size of a message, in bytes. */
export const maxMessageBytes = 256 * 1024;

/** The size of a frame, in bytes. */
export const frameBytes = (headBytes: number, bodyBytes: number): number =>
  frameHeaderBytes + headBytes + bodyBytes + macBytes;

/** A frame that was read. Its MAC is not verified yet. */
export interface Frame {
  readonly type: number;
  readonly callId: number;
  /** ASCII. */
  readonly head: string;
  /** A view of the message. */
  readonly body: Buffer;
  /** Where its MAC starts in the message. */
  readonly macAt: number;
  /** Where the next frame starts. */
  readonly end: number;
}

/** Writes a frame without its MAC. Returns where the MAC goes. `head` is ASCII. */
export const writeFrame = (
  target: Buffer,
  at: number,
  type: FrameType,
  callId: number,
  head: string,
  body: Uint8Array,
): number => {
  const length = frameBytes(head.length, body.byteLength);
  target.writeUInt32BE(length - 4, at);
  target[at + 4] = type;
  target[at + 5] = 0;
  target.writeUInt16BE(head.length, at + 6);
  target.writeUInt32BE(callId, at + 8);
  target.write(head, at + frameHeaderBytes, "latin1");
  target.set(body, at + frameHeaderBytes + head.length);
  return at + length - macBytes;
};

/** Reads the frame at this place; `undefined` if no whole and well-formed frame is there. */
export const readFrame = (message: Buffer, at: number): Frame | undefined => {
  if (message.length - at < frameHeaderBytes + macBytes) return undefined;
  const end = at + 4 + message.readUInt32BE(at);
  const macAt = end - macBytes;
  const bodyAt = at + frameHeaderBytes + message.readUInt16BE(at + 6);
  if (end > message.length || bodyAt > macAt || message[at + 5] !== 0) return undefined;
  return {
    type: message[at + 4]!,
    callId: message.readUInt32BE(at + 8),
    head: message.toString("latin1", at + frameHeaderBytes, bodyAt),
    body: message.subarray(bodyAt, macAt),
    macAt,
    end,
  };
};
