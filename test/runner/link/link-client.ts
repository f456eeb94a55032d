/** A parent's side of a link, frame by frame: what a parent does, and what it would never do. */
import { connect } from "node:net";
import { onTestFinished } from "vitest";
import type { RequestHead } from "../../../src/contract/wire/envelope.ts";
import { newNonce } from "../../../src/contract/wire/headers.ts";
import { FrameMac } from "../../../src/contract/wire/link/frame-mac.ts";
import { frameBytes, frameType, type FrameType, readFrame, writeFrame } from "../../../src/contract/wire/link/frame.ts";
import { callHead, readAnswerHead } from "../../../src/contract/wire/link/heads.ts";
import { newLinkNonce, parentHello, readRunnerHello, sessionKey } from "../../../src/contract/wire/link/hello.ts";
import { ClientSocket } from "../../../src/parent/transport/link/client-socket.ts";
import { waitFor } from "../../harness/wait-for.ts";
import { key } from "../runner-client.ts";

/** A frame that arrived. */
export interface ReceivedFrame {
  readonly type: number;
  readonly callId: number;
  readonly head: string;
  readonly body: Buffer;
}

export interface LinkClient {
  readonly frames: ReadonlyArray<ReceivedFrame>;
  /** The close code, once the link is closed. */
  readonly closed: number | undefined;
  send(type: FrameType, callId: number, head?: string, body?: string): void;
  /** Sends a call of the method, with these changes to its head and this length of its arguments. */
  call(callId: number, method: string, changes?: Partial<RequestHead>, args?: string, length?: number): void;
  /** The status and the parsed body of the answer to a call. */
  answerTo(callId: number): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  waitUntilClosed(): Promise<number>;
}

const upgrade =
  "GET /invoke/link HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" +
  "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: flame.1\r\n\r\n";

/** Opens a link to the runner at this port. */
export const openClient = async (port: number, secret = key.secret): Promise<LinkClient> => {
  const frames: Array<ReceivedFrame> = [];
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.write(upgrade);
  const rest = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
  if (!rest.toString("latin1").startsWith("HTTP/1.1 101")) throw new Error("the runner did not upgrade");
  let closed: number | undefined;
  let onHello: (message: Buffer) => void = () => {};
  let receiving: FrameMac | undefined;
  const client = new ClientSocket(socket, {
    onMessage: (message) => {
      if (receiving === undefined) return onHello(message);
      for (let at = 0; at < message.length;) {
        const frame = readFrame(message, at)!;
        if (!receiving.verify(message, at, frame.macAt)) throw new Error("a frame of the runner does not verify");
        frames.push({ ...frame, body: Buffer.from(frame.body) });
        at = frame.end;
      }
    },
    onWritable: () => {},
    onClosed: (_, code) => (closed = code ?? 0),
  });
  const sendMessage = (message: Buffer): void => void client.send(Buffer.concat([Buffer.alloc(16), message]), 16);
  const signer = { id: key.id, secret };
  const hello = parentHello(
    { keyId: key.id, audience: "*", nonce: newLinkNonce(), maxBodyBytes: 1e7, windowBytes: 65_536 },
    signer,
  );
  const answered = new Promise<Buffer | undefined>((resolve) => {
    onHello = resolve;
    void waitFor(() => closed !== undefined, { what: "the runner's HELLO" }).then(
      () => resolve(undefined),
      () => resolve(undefined),
    );
  });
  sendMessage(hello.message);
  const answer = await answered;
  const line = answer === undefined ? "" : readRunnerHello(answer)!.line;
  receiving = new FrameMac(sessionKey("runner", hello.line, line, signer));
  const sending = new FrameMac(sessionKey("parent", hello.line, line, signer));
  const heads = new Map<number, RequestHead>();

  const send: LinkClient["send"] = (type, callId, head = "", body = "") => {
    const bytes = Buffer.from(body);
    const message = Buffer.alloc(frameBytes(head.length, bytes.length));
    sending.sign(message, 0, writeFrame(message, 0, type, callId, head, bytes));
    sendMessage(message);
  };
  return {
    frames,
    get closed() {
      return closed;
    },
    send,
    call: (callId, method, changes = {}, args = '{"json":[]}', length = args.length) => {
      const head: RequestHead = {
        method,
        invocationId: `inv-${callId}`,
        attempt: 1,
        audience: "*",
        keyId: key.id,
        createdMs: Date.now(),
        nonce: newNonce(),
        timeoutMs: 10_000,
        ...changes,
      };
      heads.set(callId, head);
      send(frameType.call, callId, callHead(head, length), args);
    },
    answerTo: async (callId) => {
      const frame = await waitFor(
        () => frames.find(({ type, callId: id }) => type === frameType.answer && id === callId),
        { what: `the answer to call ${callId}` },
      );
      const known = heads.get(callId) ?? { nonce: "", invocationId: "", attempt: 1 };
      const read = readAnswerHead(frame.head, known);
      if ("malformed" in read) throw new Error(read.malformed);
      return { status: read.head.status, body: JSON.parse(frame.body.toString()) as Record<string, unknown> };
    },
    waitUntilClosed: async () => {
      await waitFor(() => closed !== undefined, { what: "the end of the link" });
      return closed!;
    },
  };
};
