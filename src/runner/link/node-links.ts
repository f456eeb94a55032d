/** Links on Node: the WebSockets of `ws`, on the HTTP server of the runner. */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import type { WebSocket, WebSocketServer } from "ws";
import { LINK_PROTOCOL, maxMessageBytes } from "../../contract/wire/link/frame.ts";
import { loadPackage } from "../../contract/process/load-package.ts";
import { type Answer, json } from "../http/respond.ts";
import type { UnverifiedRequests } from "../http/unverified.ts";
import type { ServerSocket } from "./link-connection.ts";
import type { LinkAcceptor } from "./link-server.ts";

/** How long the other side has to close the connection, in milliseconds. */
const closeTimeoutMs = 1_000;

/** A WebSocket of `ws`. */
class NodeSocket implements ServerSocket {
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #verified: () => void;

  constructor(webSocket: WebSocket, socket: Socket, verified: () => void) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#verified = verified;
  }

  send(message: Buffer, from: number): boolean {
    this.#webSocket.send(message.subarray(from), { binary: true, compress: false });
    return !this.#socket.writableNeedDrain;
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason);
    const timer = setTimeout(() => this.#webSocket.terminate(), closeTimeoutMs);
    this.#webSocket.once("close", () => clearTimeout(timer));
  }

  destroy(): void {
    this.#webSocket.terminate();
  }

  verified(): void {
    this.#verified();
  }
}

const makeServer = async (): Promise<WebSocketServer> => {
  const { WebSocketServer: Made } = await loadPackage("ws", "No link can be accepted", () => import("ws"));
  return new Made({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    skipUTF8Validation: true,
    handleProtocols: () => LINK_PROTOCOL,
  });
};

/** Writes an HTTP response instead of an upgrade, and ends the connection. */
const refuse = (socket: Socket, { status, headers, body }: Answer): void => {
  const bytes = Buffer.from(body);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${status} Refused\r\n${lines.join("")}content-length: ${bytes.length}\r\nconnection: close\r\n\r\n`,
      ),
      bytes,
    ]),
  );
  socket.once("finish", () => socket.destroySoon());
};

/** Accepts links on a server. */
export const acceptOnNode = (
  server: Server,
  links: LinkAcceptor,
  unverified: Pick<UnverifiedRequests, "verified">,
): void => {
  let making: Promise<WebSocketServer> | undefined;

  const open = (webSocket: WebSocket, socket: Socket): void => {
    const connection = links.open(new NodeSocket(webSocket, socket, () => unverified.verified(socket)));
    webSocket
      .on("message", (data: Buffer, isBinary: boolean) => {
        if (isBinary) connection.receive(data);
        else connection.receiveText();
      })
      .on("close", () => connection.lost())
      .on("error", () => webSocket.terminate());
    socket.on("drain", () => connection.writable());
  };

  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const onError = (): void => void socket.destroy();
    socket.on("error", onError);
    if ((request.url ?? "").split("?", 1)[0] !== links.path) {
      return refuse(socket, json(404, { error: "There are no WebSockets at this path." }));
    }
    const refusal = links.refusal(request.headers["sec-websocket-protocol"]);
    if (refusal !== undefined) return refuse(socket, refusal);
    making ??= makeServer();
    making.then(
      (made) => made.handleUpgrade(request, socket, head, (webSocket) => open(webSocket, socket)),
      () => {
        making = undefined;
        socket.destroy();
      },
    );
  });
};
