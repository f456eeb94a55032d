/** Links on Bun: the WebSockets of its own server. */
import { LINK_PROTOCOL, maxMessageBytes } from "../../contract/wire/link/frame.ts";
import type { IncomingRequest } from "../http/incoming.ts";
import type { UnverifiedRequests } from "../http/unverified.ts";
import type { LinkConnection, ServerSocket } from "./link-connection.ts";
import type { LinkAcceptor } from "./link-server.ts";

/** What a WebSocket carries. */
interface Data {
  connection?: LinkConnection;
  onClosed?: () => void;
}

/** The part of a WebSocket of Bun's server that is used here. */
interface BunWebSocket {
  readonly data: Data;
  sendBinary(message: Uint8Array): number;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** The WebSocket options of Bun's server. */
export interface BunWebSocketOptions {
  readonly idleTimeout: number;
  readonly maxPayloadLength: number;
  readonly backpressureLimit: number;
  readonly perMessageDeflate: boolean;
  readonly sendPings: boolean;
  open(socket: BunWebSocket): void;
  message(socket: BunWebSocket, message: string | Buffer): void;
  drain(socket: BunWebSocket): void;
  close(socket: BunWebSocket): void;
}

/** The part of Bun's server that upgrades requests. */
export interface BunUpgrades {
  upgrade(request: Request, options: { headers: Record<string, string>; data: Data }): boolean;
}

/** How long the other side has to close the connection, in milliseconds. */
const closeTimeoutMs = 1_000;

class BunSocket implements ServerSocket {
  readonly #socket: BunWebSocket;
  readonly #verified: () => void;

  constructor(socket: BunWebSocket, verified: () => void) {
    this.#socket = socket;
    this.#verified = verified;
  }

  send(message: Buffer, from: number): boolean {
    return this.#socket.sendBinary(message.subarray(from)) > 0;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), closeTimeoutMs);
  }

  destroy(): void {
    this.#socket.terminate();
  }

  verified(): void {
    this.#verified();
  }
}

/** More than a link ever has in progress: a message beyond it would be dropped. In bytes. */
const maxBufferedBytes = 64 * 1024 * 1024;

/** The options of the server, with which it accepts links. */
export const bunWebSockets = (
  links: LinkAcceptor,
  unverified: Pick<UnverifiedRequests, "connected" | "verified">,
): BunWebSocketOptions => ({
  idleTimeout: 0,
  maxPayloadLength: maxMessageBytes,
  backpressureLimit: maxBufferedBytes,
  perMessageDeflate: false,
  sendPings: false,
  open: (socket) => {
    const { data } = socket;
    const limited = {
      destroy: () => socket.terminate(),
      once: (_event: "close", listener: () => void) => (data.onClosed = listener),
    };
    unverified.connected(limited);
    data.connection = links.open(new BunSocket(socket, () => unverified.verified(limited)));
  },
  message: ({ data }, message) => {
    if (typeof message === "string") data.connection?.receiveText();
    else data.connection?.receive(message);
  },
  drain: ({ data }) => data.connection?.writable(),
  close: ({ data }) => {
    data.onClosed?.();
    data.connection?.lost();
  },
});

/** Upgrades a request for a link, or refuses it. `undefined` if the request is for something else. */
export const upgradeOnBun = (
  request: IncomingRequest,
  server: BunUpgrades,
  links: LinkAcceptor,
): { readonly response: Response | undefined } | undefined => {
  if (request.method !== "GET" || request.headers.get("upgrade")?.toLowerCase() !== "websocket") return undefined;
  if (new URL(request.url).pathname !== links.path) return undefined;
  const refusal = links.refusal(request.headers.get("sec-websocket-protocol"));
  if (refusal !== undefined) {
    const { status, headers, body } = refusal;
    return { response: new Response(body as string, { status, headers }) };
  }
  const isUpgraded = server.upgrade(request, { headers: { "sec-websocket-protocol": LINK_PROTOCOL }, data: {} });
  return { response: isUpgraded ? undefined : new Response("not a WebSocket", { status: 400 }) };
};
