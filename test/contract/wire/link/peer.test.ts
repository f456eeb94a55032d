import * as fc from "fast-check";
import { expect, test } from "vitest";
import { frameType, macBytes, maxFrameBodyBytes, readFrame } from "../../../../src/contract/wire/link/frame.ts";
import { deliver, makePair, type Pair, turn } from "./wire-pair.ts";

const { call, answer, chunk, ping, cancel } = frameType;

/** Makes small calls, two in each message, and returns the messages. */
const threeMessages = async ({ parent }: Pair): Promise<ReadonlyArray<Buffer>> => {
  for (let callId = 1; callId <= 6; callId++) {
    parent.send(call, callId, Buffer.from(`arguments of ${callId}`));
    if (callId % 2 === 0) await turn();
  }
  return parent.wire.messages.splice(0);
};

const callIds = ({ runner }: Pair): ReadonlyArray<number> => runner.frames.map(({ callId }) => callId);

test("bodies of any size arrive whole, in both directions", async () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.integer({ min: 0, max: 5 * maxFrameBodyBytes }).map((size) => new Uint8Array(size).fill(size % 251)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 20 }), async (bodies) => {
      const pair = makePair({ windowBytes: 2 * maxFrameBodyBytes, calls: 2 });
      for (const [index, sent] of bodies.entries()) pair.parent.send(call, index + 1, sent);
      await deliver(pair);
      for (let callId = 1; callId <= bodies.length; callId++) {
        if (callId > 2) pair.runner.peer.callEnded();
        await deliver(pair);
      }
      for (const [index, sent] of bodies.entries()) pair.runner.send(answer, index + 1, sent);
      await deliver(pair);
      expect(pair.runner.bodies.size).toBe(bodies.length);
      for (const [index, sent] of bodies.entries()) {
        expect(Buffer.compare(pair.runner.bodies.get(index + 1)!, sent)).toBe(0);
        expect(Buffer.compare(pair.parent.bodies.get(index + 1)!, sent)).toBe(0);
      }
    }),
    { numRuns: 30 },
  );
});

test("a flipped bit anywhere ends the link, and its frame is not delivered", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 7 }), async (which, where, bit) => {
      const pair = makePair();
      const messages = await threeMessages(pair);
      const index = which % messages.length;
      const changed = messages[index]!;
      const at = where % changed.length;
      const firstEnd = readFrame(changed, 0)!.end;
      changed[at]! ^= 1 << bit;
      for (const message of messages) pair.runner.peer.receive(message);
      const delivered = 2 * index + (at < firstEnd ? 0 : 1);
      expect(callIds(pair)).toEqual([1, 2, 3, 4, 5, 6].slice(0, delivered));
      expect(pair.runner.violation).toBeDefined();
      expect(pair.runner.wire.closed).toBeDefined();
    }),
    { numRuns: 500 },
  );
});

test("a replayed, missing, moved, cut or foreign message ends the link, and nothing after it is delivered", async () => {
  const other = await threeMessages(makePair());
  const attacks: Readonly<Record<string, (messages: ReadonlyArray<Buffer>) => ReadonlyArray<Buffer>>> = {
    replayed: ([first, second]) => [first!, first!, second!],
    missing: ([first, , third]) => [first!, third!],
    swapped: ([first, second, third]) => [first!, third!, second!],
    cut: ([first, second, third]) => [first!, second!.subarray(0, second!.length - 1), third!],
    "cut to nothing": ([first, second, third]) => [first!, second!.subarray(0, 20), third!],
    joined: ([first, second]) => [first!, Buffer.concat([second!, first!]).subarray(1)],
    "of another link": ([first, second]) => [first!, other[1]!, second!],
    "of the other direction": ([first, second]) => [first!, other[0]!, second!],
  };
  for (const [name, attack] of Object.entries(attacks)) {
    const pair = makePair();
    for (const message of attack(await threeMessages(pair))) pair.runner.peer.receive(message);
    // The first frame of a message that is cut at its end is whole.
    expect(callIds(pair), name).toEqual(name === "cut" ? [1, 2, 3] : [1, 2]);
    expect(pair.runner.violation, name).toBeDefined();
  }
});

test("the frames of one message cannot be moved, repeated or left out", async () => {
  const pair = makePair();
  const [message] = await threeMessages(pair);
  const { end } = readFrame(message!, 0)!;
  const [first, second] = [message!.subarray(0, end), message!.subarray(end)];
  for (const attack of [[second, first], [second], [first, first], [first, second, second]]) {
    const victim = makePair();
    const [own] = await threeMessages(victim);
    const ownEnd = readFrame(own!, 0)!.end;
    const parts = attack.map((part) => (part === first ? own!.subarray(0, ownEnd) : own!.subarray(ownEnd)));
    victim.runner.peer.receive(Buffer.concat(parts));
    expect(victim.runner.violation).toBeDefined();
    expect(callIds(victim).length).toBeLessThan(attack.length);
  }
});

test("a MAC of another sequence number does not verify, even for the same frame", async () => {
  const pair = makePair();
  pair.parent.peer.sendControl(ping, 0, Buffer.alloc(8));
  await turn();
  pair.parent.peer.sendControl(ping, 0, Buffer.alloc(8));
  await turn();
  const [first, second] = pair.parent.wire.messages;
  expect(first!.subarray(0, -macBytes)).toEqual(second!.subarray(0, -macBytes));
  expect(first!.subarray(-macBytes)).not.toEqual(second!.subarray(-macBytes));
});

test("frames of one turn share a message, and eight are written at once", async () => {
  const { parent } = makePair();
  for (let callId = 1; callId <= 3; callId++) parent.send(call, callId, Buffer.from("x"));
  expect(parent.wire.messages.length).toBe(0);
  await turn();
  expect(parent.wire.messages.length).toBe(1);
  for (let callId = 4; callId <= 11; callId++) parent.send(call, callId, Buffer.from("x"));
  expect(parent.wire.messages.length).toBe(2);
});

test("a small call that comes after a large one is written after at most one more chunk", async () => {
  const pair = makePair();
  pair.parent.send(call, 1, Buffer.alloc(10 * 1024 * 1024));
  await turn();
  await turn();
  pair.parent.send(call, 2, Buffer.from("small"));
  await turn();
  const frames = pair.parent.wire.messages.map((message) => readFrame(message, 0)!);
  const at = frames.findIndex(({ callId }) => callId === 2);
  expect(at).toBeGreaterThan(0);
  expect(at).toBeLessThanOrEqual(4);
});

test("large bodies take turns", async () => {
  const pair = makePair();
  for (const callId of [1, 2, 3]) pair.parent.send(call, callId, Buffer.alloc(8 * maxFrameBodyBytes, callId));
  await deliver(pair);
  const chunks = pair.runner.frames.filter(({ type }) => type === chunk).map(({ callId }) => callId);
  expect(chunks.slice(0, 6)).toEqual([1, 2, 3, 1, 2, 3]);
  expect(pair.runner.bodies.get(3)!.equals(Buffer.alloc(8 * maxFrameBodyBytes, 3))).toBe(true);
});

test("no more bytes and calls are sent than the other side has granted", async () => {
  const { parent } = makePair({ windowBytes: 4 * maxFrameBodyBytes, calls: 3 });
  parent.send(call, 1, Buffer.alloc(100 * maxFrameBodyBytes));
  const later = [2, 3, 4].map((callId) => parent.send(call, callId, Buffer.alloc(10)));
  for (let turns = 0; turns < 20; turns++) await turn();
  const sent = parent.wire.messages.reduce((bytes, message) => bytes + message.length, 0);
  expect(sent).toBeLessThanOrEqual(4 * maxFrameBodyBytes + 1_000);
  expect(later.map(({ written }) => written)).toEqual([true, true, false]);
});

test("a side that makes more calls than it was granted is cut off", async () => {
  const pair = makePair({ windowBytes: 512 * 1024, calls: 100 }, { windowBytes: 512 * 1024, calls: 2 });
  for (const callId of [1, 2, 3]) pair.parent.send(call, callId, Buffer.from("x"));
  await turn();
  for (const message of pair.parent.wire.messages) pair.runner.peer.receive(message);
  expect(callIds(pair)).toEqual([1, 2]);
  expect(pair.runner.violation).toContain("more than it may");
});

test("nothing is written while the socket takes no more, and what was dropped meanwhile is never written", async () => {
  const pair = makePair();
  const { parent } = pair;
  parent.wire.open = false;
  parent.send(call, 1, Buffer.from("first"));
  await turn();
  const dropped = parent.send(call, 2, Buffer.from("second"));
  const kept = parent.send(call, 3, Buffer.from("third"));
  for (let turns = 0; turns < 3; turns++) await turn();
  expect([dropped.written, kept.written]).toEqual([false, false]);
  dropped.drop();
  parent.wire.open = true;
  parent.peer.writable();
  await deliver(pair);
  expect(callIds(pair)).toEqual([1, 3]);
  expect([dropped.written, kept.written]).toEqual([false, true]);
});

test("frames about the link pass bodies that wait", async () => {
  const pair = makePair({ windowBytes: 2 * maxFrameBodyBytes, calls: 1 });
  const { parent } = pair;
  parent.send(call, 1, Buffer.from("x"));
  parent.send(call, 2, Buffer.from("no credit"));
  parent.peer.sendControl(cancel, 1);
  parent.peer.sendControl(ping, 0, Buffer.alloc(8));
  await turn();
  const types = parent.wire.messages.flatMap((message) => {
    const found: Array<number> = [];
    for (let at = 0; at < message.length;) {
      const frame = readFrame(message, at)!;
      found.push(frame.type);
      at = frame.end;
    }
    return found;
  });
  expect(types).toContain(cancel);
  expect(types).toContain(ping);
  expect(types.filter((type) => type === call).length).toBe(1);
});
