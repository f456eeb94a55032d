/** The vectors of links, read by this implementation and by a second one that follows `docs/protocol.md`. */
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FrameMac } from "../../../../src/contract/wire/link/frame-mac.ts";
import { frameBytes, type FrameType, readFrame, writeFrame } from "../../../../src/contract/wire/link/frame.ts";
import { answerHead, callHead, readAnswerHead, readCallHead } from "../../../../src/contract/wire/link/heads.ts";
import {
  parentHello,
  readParentHello,
  readRunnerHello,
  runnerHello,
  sessionKey,
  verifyParentHello,
  verifyRunnerHello,
} from "../../../../src/contract/wire/link/hello.ts";

interface VectorFrame {
  readonly name: string;
  readonly sender: "parent" | "runner";
  readonly sequence: number;
  readonly type: number;
  readonly callId: number;
  readonly head: string;
  readonly bodyHex: string;
  readonly hex: string;
}

interface Hello {
  readonly line: string;
  readonly hex: string;
}

const vectors = JSON.parse(readFileSync(new URL("../../../vectors/link-1.json", import.meta.url), "utf8")) as {
  readonly secret: string;
  readonly hellos: { readonly parent: Hello; readonly runner: Hello };
  readonly sessionKeysHex: { readonly parent: string; readonly runner: string };
  readonly frames: ReadonlyArray<VectorFrame>;
};
const { secret, hellos, sessionKeysHex, frames } = vectors;
const key = { id: "2026-11", secret };
const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

/** The second implementation: the frame with its MAC. */
const build = (type: number, callId: number, head: string, body: Buffer, mac: (frame: Buffer) => Buffer): Buffer => {
  const start = Buffer.alloc(12);
  start.writeUInt32BE(8 + head.length + body.length + 32, 0);
  start[4] = type;
  start.writeUInt16BE(head.length, 6);
  start.writeUInt32BE(callId, 8);
  const frame = Buffer.concat([start, Buffer.from(head, "latin1"), body]);
  return Buffer.concat([frame, mac(frame)]);
};
const hmac = (secretBytes: string | Buffer, ...parts: ReadonlyArray<string | Buffer>): Buffer => {
  const made = createHmac("sha256", secretBytes);
  for (const part of parts) made.update(part);
  return made.digest();
};
const field = (text: string): string => `${text.length}:${text}\n`;

test("HELLOs and session keys are those that the documentation describes", () => {
  const { parent, runner } = hellos;
  const nothing = Buffer.alloc(0);
  expect(
    build(1, 0, parent.line, nothing, () => hmac(secret, `flame-link-1-parent\n${field(parent.line)}`)).toString("hex"),
  ).toBe(parent.hex);
  const base = `flame-link-1-runner\n${field(parent.line)}${field(runner.line)}`;
  expect(build(1, 0, runner.line, nothing, () => hmac(secret, base)).toString("hex")).toBe(runner.hex);
  const salt = createHash("sha256")
    .update(field(parent.line) + field(runner.line))
    .digest();
  for (const sender of ["parent", "runner"] as const) {
    const derived = Buffer.from(hkdfSync("sha256", secret, salt, `flame-link-1-frames-from-${sender}`, 32));
    expect(derived.toString("hex")).toBe(sessionKeysHex[sender]);
  }
});

test("frames are those that the documentation describes", () => {
  for (const { name, sender, sequence, type, callId, head, bodyHex, hex } of frames) {
    const number = Buffer.alloc(8);
    number.writeBigUInt64BE(BigInt(sequence));
    const mac = (frame: Buffer): Buffer => hmac(bytes(sessionKeysHex[sender]), number, frame);
    expect(build(type, callId, head, bytes(bodyHex), mac).toString("hex"), name).toBe(hex);
  }
});

test("this implementation writes and reads the HELLOs and derives the keys", () => {
  const parent = readParentHello(bytes(hellos.parent.hex))!;
  const runner = readRunnerHello(bytes(hellos.runner.hex))!;
  expect(parentHello(parent.hello, key).message.toString("hex")).toBe(hellos.parent.hex);
  expect(runnerHello(runner.hello, parent.line, key).message.toString("hex")).toBe(hellos.runner.hex);
  expect(verifyParentHello(parent, key)).toBe(true);
  expect(verifyRunnerHello(runner, parent.line, key)).toBe(true);
  for (const sender of ["parent", "runner"] as const)
    expect(sessionKey(sender, parent.line, runner.line, key).toString("hex")).toBe(sessionKeysHex[sender]);
});

test("this implementation writes and verifies the frames", () => {
  const macs = (): Record<VectorFrame["sender"], FrameMac> => ({
    parent: new FrameMac(bytes(sessionKeysHex.parent)),
    runner: new FrameMac(bytes(sessionKeysHex.runner)),
  });
  const writing = macs();
  const reading = macs();
  for (const { name, sender, type, callId, head, bodyHex, hex } of frames) {
    const body = bytes(bodyHex);
    const message = Buffer.alloc(frameBytes(head.length, body.length));
    writing[sender].sign(message, 0, writeFrame(message, 0, type as FrameType, callId, head, body));
    expect(message.toString("hex"), name).toBe(hex);
    const read = readFrame(bytes(hex), 0)!;
    expect(read, name).toMatchObject({ type, callId, head, end: message.length });
    expect(reading[sender].verify(bytes(hex), 0, read.macAt), name).toBe(true);
  }
});

test("heads of calls and answers are read as they were written, and their malformed variants are not", () => {
  const callText = frames.find(({ name }) => name === "call")!.head;
  const call = readCallHead(callText);
  if ("malformed" in call) throw new Error(call.malformed);
  expect(callHead(call.head, call.bodyBytes)).toBe(callText);
  const answerText = frames.find(({ name }) => name === "answer")!.head;
  const answer = readAnswerHead(answerText, call.head);
  if ("malformed" in answer) throw new Error(answer.malformed);
  expect(answerHead(answer.head, answer.bodyBytes)).toBe(answerText);
  for (let at = 0; at < callText.length; at++) {
    const cut = readCallHead(callText.slice(0, at) + callText.slice(at + 1));
    // Only a digit of the last number, the length of the body, can be missing.
    if (at < callText.length - 3) expect(cut, `without character ${at}`).toHaveProperty("malformed");
  }
  for (const text of ["", "-\n", `${callText}x`, callText.replace("\n", ""), `x${callText}`, callText.repeat(2)])
    expect(readCallHead(text)).toHaveProperty("malformed");
  for (const text of ["", "200", "200 -\n5:", "2000 -\n5:", answerText.slice(1), `${answerText}5:`])
    expect(readAnswerHead(text, call.head)).toHaveProperty("malformed");
});

test("a HELLO with a flipped bit is malformed or does not verify", () => {
  const parentLine = hellos.parent.line;
  for (const [side, { hex }] of Object.entries(hellos)) {
    for (let bit = 0; bit < hex.length * 4; bit++) {
      const changed = bytes(hex);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const holds =
        side === "parent"
          ? ((read) => read !== undefined && verifyParentHello(read, key))(readParentHello(changed))
          : ((read) => read !== undefined && verifyRunnerHello(read, parentLine, key))(readRunnerHello(changed));
      expect(holds, `bit ${bit} of the HELLO of the ${side}`).toBe(false);
    }
  }
});
