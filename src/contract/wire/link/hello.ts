/**
 * How a link is opened. The parent sends HELLO, the runner responds with HELLO. Each one has a fresh nonce and an
 * HMAC under the secret. The keys of the frames that follow are derived from the secret and both HELLOs, so the first frame of
 * the parent proves that it is no recording.
 */
import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { isInstanceId } from "../instance.ts";
import { wholePattern, wholeText } from "../numbers.ts";
import type { SigningKey } from "../signature.ts";
import { frameBytes, frameType, LINK_PROTOCOL, macBytes, maxFrameBodyBytes, readFrame, writeFrame } from "./frame.ts";

/** What the parent says when it opens a link. */
export interface ParentHello {
  readonly keyId: string;
  /** The id of the runner, or `*` for any. */
  readonly audience: string;
  /** 256 random bits, base64url. */
  readonly nonce: string;
  /** Maximum size of the body of an answer, in bytes. */
  readonly maxBodyBytes: number;
  /** How many bytes of bodies the runner may send before the parent grants more. */
  readonly windowBytes: number;
}

/** What the runner responds. */
export interface RunnerHello {
  readonly runnerId: string;
  /** The instance id of the process. */
  readonly instanceId: string;
  /** Its instance clock, in milliseconds. */
  readonly nowMs: number;
  readonly nonce: string;
  /** Maximum size of the arguments of a call, in bytes. */
  readonly maxBodyBytes: number;
  /** How many calls the parent may make before the runner grants more. */
  readonly calls: number;
  /** How many bytes of bodies the parent may send before the runner grants more. */
  readonly windowBytes: number;
}

/** A HELLO that was read: its fields, and the line that its MAC covers. */
export interface ReadHello<Hello> {
  readonly hello: Hello;
  readonly line: string;
  readonly mac: Buffer;
}

/** Maximum size of a HELLO, in bytes. */
export const maxHelloBytes = 2_048;

/** The smallest window: the largest body of one frame, so that each frame can be sent at last. In bytes. */
export const minWindowBytes = 2 * maxFrameBodyBytes;

const visible = (length: number): string => `([\\x21-\\x7e]{1,${length}})`;
const nonce = "([A-Za-z0-9_-]{43})";
const whole = `(${wholePattern})`;
const pattern = (...fields: ReadonlyArray<string>): RegExp => new RegExp(`^${fields.join(" ")}$`);
const parentPattern = pattern(LINK_PROTOCOL, "parent", visible(128), visible(512), nonce, whole, whole);
const runnerPattern = pattern(LINK_PROTOCOL, "runner", visible(512), "(\\S+)", whole, nonce, whole, whole, whole);

/** 256 random bits, base64url. */
export const newLinkNonce = (): string => randomBytes(32).toString("base64url");

export const parentLine = (hello: ParentHello): string =>
  `${LINK_PROTOCOL} parent ${hello.keyId} ${hello.audience} ${hello.nonce} ${wholeText(hello.maxBodyBytes)} ${wholeText(hello.windowBytes)}`;

export const runnerLine = (hello: RunnerHello): string =>
  `${LINK_PROTOCOL} runner ${hello.runnerId} ${hello.instanceId} ${wholeText(hello.nowMs)} ${hello.nonce} ${wholeText(hello.maxBodyBytes)} ${wholeText(hello.calls)} ${wholeText(hello.windowBytes)}`;

const field = (value: string): string => `${value.length}:${value}\n`;

const macOf = (base: string, { secret }: SigningKey): Buffer => createHmac("sha256", secret).update(base).digest();

const parentMac = (line: string, key: SigningKey): Buffer => macOf(`flame-link-1-parent\n${field(line)}`, key);

/** The runner's proof covers both lines, and so the parent's nonce. */
const runnerMac = (parent: string, runner: string, key: SigningKey): Buffer =>
  macOf(`flame-link-1-runner\n${field(parent)}${field(runner)}`, key);

const helloFrame = (line: string, mac: Buffer): Buffer => {
  const frame = Buffer.alloc(frameBytes(line.length, 0));
  frame.set(mac, writeFrame(frame, 0, frameType.hello, 0, line, new Uint8Array(0)));
  return frame;
};

/** The HELLO of a parent, as a message. */
export const parentHello = (
  hello: ParentHello,
  key: SigningKey,
): { readonly line: string; readonly message: Buffer } => {
  const line = parentLine(hello);
  return { line, message: helloFrame(line, parentMac(line, key)) };
};

/** The HELLO of a runner, as a message. */
export const runnerHello = (
  hello: RunnerHello,
  parent: string,
  key: SigningKey,
): { readonly line: string; readonly message: Buffer } => {
  const line = runnerLine(hello);
  return { line, message: helloFrame(line, runnerMac(parent, line, key)) };
};

const readHello = (message: Buffer): { readonly line: string; readonly mac: Buffer } | undefined => {
  const frame = message.length <= maxHelloBytes ? readFrame(message, 0) : undefined;
  if (frame === undefined || frame.end !== message.length || frame.body.length > 0) return undefined;
  if (frame.type !== frameType.hello || frame.callId !== 0) return undefined;
  return { line: frame.head, mac: message.subarray(frame.macAt, frame.macAt + macBytes) };
};

/** Parses the HELLO of a parent; `undefined` if it is malformed. Nothing in it is verified. */
export const readParentHello = (message: Buffer): ReadHello<ParentHello> | undefined => {
  const read = readHello(message);
  const fields = read === undefined ? null : parentPattern.exec(read.line);
  if (read === undefined || fields === null) return undefined;
  const windowBytes = Number(fields[5]);
  if (windowBytes < minWindowBytes) return undefined;
  const hello = {
    keyId: fields[1]!,
    audience: fields[2]!,
    nonce: fields[3]!,
    maxBodyBytes: Number(fields[4]),
    windowBytes,
  };
  return { ...read, hello };
};

/** Parses the HELLO of a runner; `undefined` if it is malformed. Nothing in it is verified. */
export const readRunnerHello = (message: Buffer): ReadHello<RunnerHello> | undefined => {
  const read = readHello(message);
  const fields = read === undefined ? null : runnerPattern.exec(read.line);
  if (read === undefined || fields === null) return undefined;
  const calls = Number(fields[6]);
  const windowBytes = Number(fields[7]);
  if (!isInstanceId(fields[2]!) || calls < 1 || windowBytes < minWindowBytes) return undefined;
  const hello = {
    runnerId: fields[1]!,
    instanceId: fields[2]!,
    nowMs: Number(fields[3]),
    nonce: fields[4]!,
    maxBodyBytes: Number(fields[5]),
    calls,
    windowBytes,
  };
  return { ...read, hello };
};

/** Whether the parent that sent this has the key. It may be a recording. Compares in constant time. */
export const verifyParentHello = ({ line, mac }: ReadHello<ParentHello>, key: SigningKey): boolean =>
  timingSafeEqual(parentMac(line, key), mac);

/** Whether a runner that has the key sent this in response to the HELLO `parent`. Compares in constant time. */
export const verifyRunnerHello = ({ line, mac }: ReadHello<RunnerHello>, parent: string, key: SigningKey): boolean =>
  timingSafeEqual(runnerMac(parent, line, key), mac);

/** The key of the frames that one side sends, from the secret and both HELLOs: 32 bytes. */
export const sessionKey = (
  sender: "parent" | "runner",
  parent: string,
  runner: string,
  { secret }: SigningKey,
): Buffer => {
  const salt = createHash("sha256").update(field(parent)).update(field(runner)).digest();
  return Buffer.from(hkdfSync("sha256", secret, salt, `flame-link-1-frames-from-${sender}`, 32));
};
