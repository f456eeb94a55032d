/**
 * Opens a link: a connection, the upgrade to a WebSocket, and a HELLO each way. Nothing of a call is sent before the
 * runner has proven that it has the key, so a failure here means that no handler ran.
 */
import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { InvokeError } from "../../../contract/errors.ts";
import { decodeErrorBody, encodeErrorBody } from "../../../contract/wire/error-body.ts";
import { FrameMac } from "../../../contract/wire/link/frame-mac.ts";
import { LINK_PROTOCOL, linkPath } from "../../../contract/wire/link/frame.ts";
import {
  newLinkNonce,
  parentHello,
  type ParentHello,
  readRunnerHello,
  sessionKey,
  verifyRunnerHello,
} from "../../../contract/wire/link/hello.ts";
import { closeCode, messageRoom } from "../../../contract/wire/link/peer.ts";
import { invalidSignature, type Keyring } from "../../../contract/wire/signature.ts";
import type { Connector } from "../connector.ts";
import { ResponseBody } from "../response-body.ts";
import { ResponseHead, ResponseReader } from "../response-reader.ts";
import type { HttpResponse } from "../transport.ts";
import { ClientSocket } from "./client-socket.ts";
import { type LinkOwner, ParentLink } from "./parent-link.ts";

/** Why a link was not opened. */
export interface OpenFailure {
  readonly cause: Error;
  /** `connect`: nothing accepts connections there. `refused`: something responded, but not with a link. `silent`: nothing responded in time. */
  readonly stage: "connect" | "refused" | "silent";
  /** The response of the runner, as a call gets it. */
  readonly response?: HttpResponse;
}

export interface OpenOptions {
  readonly url: string;
  readonly invokePath: string;
  /** The id of the runner, or `*`. */
  readonly audience: string;
  readonly keyring: Keyring;
  readonly connector: Connector;
  /** Maximum size of the body of an answer, in bytes. */
  readonly maxBodyBytes: number;
  readonly owner: LinkOwner;
}

export type Opened = { readonly link: ParentLink } | { readonly failure: OpenFailure };

/** How long the runner has to respond to the upgrade and to HELLO, in milliseconds. */
const openTimeoutMs = 5_000;
const maxHeadBytes = 16 * 1024;
const maxRefusalBytes = 64 * 1024;
/** How many bytes of answers a runner may send before the parent has handled them. */
const windowBytes = 512 * 1024;

const webSocketGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Something of an HTTP response that is no error: the head of a response to the upgrade. */
const readUpgrade = (bytes: Buffer): { readonly head: ResponseHead; readonly rest: Buffer } | undefined => {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0 || end > maxHeadBytes) return undefined;
  return { head: new ResponseHead(bytes.toString("latin1", 0, end)), rest: bytes.subarray(end + 4) };
};

/** A rejection that the runner expressed with a close code, as the unsigned response that a call gets. */
const rejection = (text: string): HttpResponse => ({
  status: 401,
  header: () => undefined,
  body: encodeErrorBody(
    new InvokeError("signature_error", text, { executed: "no", retryable: false, phase: "runner_queue" }),
    false,
  ),
});

/** An attempt to open a link. */
class Opening {
  readonly #options: OpenOptions;
  readonly #done: (opened: Opened) => void;
  #socket: Socket | undefined;
  #client: ClientSocket | undefined;
  #link: ParentLink | undefined;
  #timer: NodeJS.Timeout | undefined;
  #abortConnect: (() => void) | undefined;
  #over = false;

  constructor(options: OpenOptions, done: (opened: Opened) => void) {
    this.#options = options;
    this.#done = done;
    this.#abortConnect = options.connector.open((error, socket) => {
      this.#abortConnect = undefined;
      if (this.#over) socket?.destroy();
      else if (socket === null) this.#fail("connect", error!);
      else this.#upgrade(socket);
    });
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#abortConnect?.();
    this.#socket?.destroy();
  }

  #upgrade(socket: Socket): void {
    const { connector, invokePath, url } = this.#options;
    this.#socket = socket;
    socket.unref();
    this.#timer = setTimeout(
      () => this.#fail("silent", new Error(`the runner at ${url} opened no link within ${openTimeoutMs / 1000} s`)),
      openTimeoutMs,
    ).unref();
    const key = randomBytes(16).toString("base64");
    let held = Buffer.alloc(0);
    const onClosed = (): void => this.#fail("refused", this.#notALink("closed the connection"));
    const onData = (bytes: Buffer): void => {
      held = Buffer.concat([held, bytes]);
      let read: ReturnType<typeof readUpgrade>;
      try {
        read = readUpgrade(held);
      } catch (error) {
        return this.#fail("refused", this.#notALink((error as Error).message));
      }
      if (read === undefined) {
        if (held.length > maxHeadBytes) this.#fail("refused", this.#notALink("sent too long a response"));
        return;
      }
      socket.off("data", onData).off("close", onClosed).off("error", onClosed);
      if (read.head.status !== 101) return this.#readRefusal(socket, held, read.head);
      const accept = createHash("sha1")
        .update(key + webSocketGuid)
        .digest("base64");
      const isLink =
        read.head.header("sec-websocket-accept") === accept &&
        read.head.header("sec-websocket-protocol") === LINK_PROTOCOL &&
        read.head.header("sec-websocket-extensions") === undefined;
      if (!isLink) return this.#fail("refused", this.#notALink("switched to another protocol"));
      this.#sayHello(socket, read.rest);
    };
    socket.on("data", onData).on("close", onClosed).on("error", onClosed).resume();
    socket.write(
      `GET ${connector.prefix}${linkPath(invokePath)} HTTP/1.1\r\nhost: ${connector.host}\r\n` +
        "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" +
        `sec-websocket-key: ${key}\r\nsec-websocket-protocol: ${LINK_PROTOCOL}\r\n\r\n`,
    );
  }

  /** Reads the body of a response that is no upgrade, for the error that it may have. */
  #readRefusal(socket: Socket, bytes: Buffer, head: ResponseHead): void {
    const { url } = this.#options;
    const cause = this.#notALink(`responded with ${head.status}`);
    const body = new ResponseBody(
      { url, path: "", headers: {}, body: new Uint8Array(0), maxResponseBytes: maxRefusalBytes },
      head,
    );
    let ended = false;
    const finish = (): void => {
      if (ended) return;
      ended = true;
      const outcome = body.outcome();
      const isError = "response" in outcome && decodeErrorBody(outcome.response.body) !== undefined;
      this.#fail("refused", cause, isError ? outcome.response : undefined);
    };
    const reader = new ResponseReader({
      onHead: () => {},
      onData: (chunk) => {
        body.add(chunk);
        if (body.refused) finish();
      },
      onEnd: finish,
    });
    const push = (chunk: Buffer): void => {
      try {
        reader.push(chunk);
      } catch {
        this.#fail("refused", cause);
      }
    };
    const onEnd = (): void => {
      if (!reader.end()) this.#fail("refused", cause);
    };
    socket.on("data", push).on("close", onEnd).on("error", onEnd);
    push(bytes);
  }

  #sayHello(socket: Socket, rest: Buffer): void {
    const { audience, keyring, maxBodyBytes, url } = this.#options;
    const key = keyring.signing;
    const hello: ParentHello = { keyId: key.id, audience, nonce: newLinkNonce(), maxBodyBytes, windowBytes };
    const { line, message } = parentHello(hello, key);
    const client = new ClientSocket(socket, {
      onMessage: (bytes) => {
        if (this.#link === undefined) this.#readHello(bytes, line, client);
        else this.#link.receive(bytes);
      },
      onWritable: () => this.#link?.writable(),
      onClosed: (cause, code) => {
        if (this.#link !== undefined) return this.#link.lost(cause);
        this.#fail("refused", this.#notALink(`said: ${cause.message}`), this.#rejectionFor(code));
      },
    });
    this.#client = client;
    client.send(Buffer.concat([Buffer.alloc(messageRoom), message]), messageRoom);
    if (rest.length > 0) this.#fail("refused", new Error(`the runner at ${url} sent something before HELLO`));
  }

  #readHello(message: Buffer, parentLine: string, client: ClientSocket): void {
    const { keyring, owner } = this.#options;
    const key = keyring.signing;
    const read = readRunnerHello(message);
    if (read === undefined) return this.#fail("refused", this.#notALink("sent a malformed HELLO"));
    if (!verifyRunnerHello(read, parentLine, key)) {
      const text = "The HELLO of the runner does not verify: the two sides have different secrets.";
      return this.#fail("refused", new Error(text), rejection(text));
    }
    clearTimeout(this.#timer);
    this.#over = true;
    const { hello } = read;
    const link = new ParentLink(owner, hello, client, {
      sending: new FrameMac(sessionKey("parent", parentLine, read.line, key)),
      receiving: new FrameMac(sessionKey("runner", parentLine, read.line, key)),
      sendWindowBytes: hello.windowBytes,
      sendCalls: hello.calls,
      receiveWindowBytes: windowBytes,
      receiveCalls: 0,
    });
    this.#link = link;
    this.#done({ link });
  }

  /** What a call gets that the runner would reject for the same reason. A close code has room for a short reason only. */
  #rejectionFor(code: number | undefined): HttpResponse | undefined {
    const { audience, url } = this.#options;
    if (code === closeCode.unauthorized) return rejection(invalidSignature);
    if (code !== closeCode.wrongRunner) return undefined;
    return rejection(
      `The link was opened for runner ${audience} and reached another one at ${url}. Check the runner's id and URL in the pool.`,
    );
  }

  #notALink(what: string): Error {
    return new Error(
      `the runner at ${this.#options.url} opened no link: it ${what}. It may run an older version of firelight, or a proxy in between may not pass WebSockets; transport "auto" or "http" uses requests`,
    );
  }

  #fail(stage: OpenFailure["stage"], cause: Error, response?: HttpResponse): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#client?.destroy();
    this.#socket?.on("error", () => {}).destroy();
    this.#done({ failure: { stage, cause, ...(response === undefined ? {} : { response }) } });
  }
}

/** Opens a link. Returns a function that aborts it, after which `done` is not called. */
export const openLink = (options: OpenOptions, done: (opened: Opened) => void): (() => void) => {
  const opening = new Opening(options, done);
  return () => opening.abort();
};
