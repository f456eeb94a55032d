/** Two sides of a link, and the messages between them, which a test can change before they arrive. */
import { randomBytes } from "node:crypto";
import { BodyParts } from "../../../../src/contract/wire/link/body-parts.ts";
import { FrameMac } from "../../../../src/contract/wire/link/frame-mac.ts";
import { type Frame, frameType } from "../../../../src/contract/wire/link/frame.ts";
import type { Outgoing } from "../../../../src/contract/wire/link/outbox.ts";
import { LinkPeer, type LinkSocket, type PeerOwner } from "../../../../src/contract/wire/link/peer.ts";

/** Keeps messages until they are delivered. */
class Wire implements LinkSocket {
  readonly messages: Array<Buffer> = [];
  closed: string | undefined;
  /** Whether it takes more. */
  open = true;

  send(message: Buffer, from: number): boolean {
    this.messages.push(Buffer.from(message.subarray(from)));
    return this.open;
  }

  pause(): void {}
  resume(): void {}

  close(_code: number, reason: string): void {
    this.closed = reason;
  }
}

/** One side, and what it received. */
export class Side implements PeerOwner {
  readonly side: string;
  readonly wire = new Wire();
  readonly peer: LinkPeer;
  readonly frames: Array<Frame> = [];
  /** Complete bodies, by call id. */
  readonly bodies = new Map<number, Buffer>();
  violation: string | undefined;
  readonly #parts = new Map<number, BodyParts>();

  constructor(side: string, keys: { readonly sending: Buffer; readonly receiving: Buffer }, limits: Limits) {
    this.side = side;
    this.peer = new LinkPeer(this, {
      socket: this.wire,
      sending: new FrameMac(keys.sending),
      receiving: new FrameMac(keys.receiving),
      sendWindowBytes: limits.windowBytes,
      sendCalls: limits.calls,
      receiveWindowBytes: limits.windowBytes,
      receiveCalls: limits.calls,
    });
  }

  onFrame(frame: Frame): string | undefined {
    this.frames.push(frame);
    if (frame.type === frameType.call || frame.type === frameType.answer)
      this.#parts.set(frame.callId, new BodyParts(Number(frame.head)));
    const parts = this.#parts.get(frame.callId);
    if (parts?.add(Buffer.from(frame.body)) === true && parts.complete) this.bodies.set(frame.callId, parts.body);
    return undefined;
  }

  onViolation(reason: string): void {
    this.violation = reason;
  }

  /** Sends a body. Returns whether it was written, once it was. */
  send(type: Outgoing["type"], callId: number, body: Uint8Array): { readonly written: boolean; drop(): void } {
    const outgoing = {
      type,
      callId,
      body,
      dropped: false,
      written: false,
      write: () => {
        outgoing.written = true;
        return String(body.byteLength);
      },
      drop: () => {
        outgoing.dropped = true;
      },
    };
    this.peer.send(outgoing);
    return outgoing;
  }
}

export interface Limits {
  readonly windowBytes: number;
  readonly calls: number;
}

export interface Pair {
  readonly parent: Side;
  readonly runner: Side;
}

/** Two sides with the same keys. The runner accepts as much as the parent believes, unless `accepted` says otherwise. */
export const makePair = (limits: Limits = { windowBytes: 512 * 1024, calls: 1_024 }, accepted = limits): Pair => {
  const calls = randomBytes(32);
  const answers = randomBytes(32);
  return {
    parent: new Side("parent", { sending: calls, receiving: answers }, limits),
    runner: new Side("runner", { sending: answers, receiving: calls }, accepted),
  };
};

/** Lets this turn of the event loop end, and with it both sides write. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Delivers what was written, in order, until neither side has anything to say. */
export const deliver = async ({ parent, runner }: Pair): Promise<void> => {
  for (let quiet = 0; quiet < 3;) {
    await turn();
    quiet = parent.wire.messages.length + runner.wire.messages.length === 0 ? quiet + 1 : 0;
    for (const message of parent.wire.messages.splice(0)) runner.peer.receive(message);
    for (const message of runner.wire.messages.splice(0)) parent.peer.receive(message);
  }
};
