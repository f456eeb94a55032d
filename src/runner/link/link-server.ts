/** The links of a runner: accepts, counts and ends them. */
import { setTimeout as sleep } from "node:timers/promises";
import { linkPath } from "../../contract/wire/link/frame.ts";
import type { Keyring } from "../../contract/wire/signature.ts";
import { type Answer, json, unsignedError } from "../http/respond.ts";
import type { Rejected } from "../request/rejected.ts";
import { noSecret } from "../request/verify.ts";
import { LinkConnection, type LinkConnectionDeps, type ServerSocket } from "./link-connection.ts";

export interface LinkServerOptions extends Omit<LinkConnectionDeps, "keyring" | "ended"> {
  readonly invokePath: string;
  /** `undefined` refuses all links. */
  readonly keyring: Keyring | undefined;
}

/** What the server of the runtime needs for links. */
export interface LinkAcceptor {
  /** The path of links. */
  readonly path: string;
  /** The response to an upgrade that is refused; `undefined` if it is accepted. */
  refusal(protocols: string | null | undefined): Answer | undefined;
  /** A WebSocket was opened. */
  open(socket: ServerSocket): LinkConnection;
  /** Announces on all links that the runner stops. */
  goAway(): void;
  /** Closes all links, once what was sent has left the process, or after `graceMs` milliseconds. */
  close(graceMs: number): Promise<void>;
}

const checkIntervalMs = 10_000;
const flushCheckMs = 5;

const wrongProtocol = (path: string): Answer =>
  json(400, { error: `Links at ${path} use the WebSocket subprotocol flame.1.` });

/** The response to a request for a link that is no upgrade to a WebSocket. */
export const upgradeRequired = (): Answer =>
  json(
    426,
    { error: "This is the path of links, which are WebSockets." },
    { upgrade: "websocket", connection: "Upgrade" },
  );

export const makeLinkServer = (options: LinkServerOptions): LinkAcceptor => {
  const { invokePath, keyring } = options;
  const path = linkPath(invokePath);
  const connections = new Set<LinkConnection>();
  let timer: NodeJS.Timeout | undefined;
  let draining = false;

  const check = (): void => {
    for (const connection of connections) connection.check();
  };
  const ended = (connection: LinkConnection): void => {
    connections.delete(connection);
    if (connections.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  return {
    path,
    refusal: (protocols) => {
      if (keyring === undefined) {
        const rejected: Rejected = noSecret;
        options.rejected(rejected, "hello");
        return unsignedError(rejected.status, rejected.error);
      }
      const named = (protocols ?? "").split(",").map((name) => name.trim());
      return named.includes("flame.1") ? undefined : wrongProtocol(path);
    },
    open: (socket) => {
      const connection = new LinkConnection({ ...options, keyring: keyring!, ended }, socket);
      connections.add(connection);
      timer ??= setInterval(check, checkIntervalMs).unref();
      if (draining) connection.goAway();
      return connection;
    },
    goAway: () => {
      draining = true;
      for (const connection of connections) connection.goAway();
    },
    close: async (graceMs) => {
      const giveUpAt = performance.now() + graceMs;
      const isFlushed = (): boolean => [...connections].every(({ flushed }) => flushed);
      while (!isFlushed() && performance.now() < giveUpAt) await sleep(flushCheckMs);
      for (const connection of [...connections]) connection.close("the runner stops");
    },
  };
};
