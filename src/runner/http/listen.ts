/** Serves a web-standard handler on a socket, on Node or Bun, with explicit limits. The port is known at once. */
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createNetServer } from "node:net";
import { ConfigError } from "../../contract/errors.ts";
import type { IncomingRequest } from "./incoming.ts";
import { loadSrvx } from "./http-packages.ts";
import { connectionLimits } from "./connection-limits.ts";
import { inNoContext } from "../../telemetry/no-context.ts";
import type { Answer } from "./respond.ts";
import type { UnverifiedRequests } from "./unverified.ts";
import { EventEmitter } from "node:events";
import { type BunUpgrades, type BunWebSocketOptions, bunWebSockets, upgradeOnBun } from "../link/bun-links.ts";
import type { LinkAcceptor } from "../link/link-server.ts";
import { acceptOnNode } from "../link/node-links.ts";

/**
 * Defines a method that assignments do not replace. An assignment must not throw, because APM agents assign while a
 * request arrives.
 */
export const keepMethod = <Name extends PropertyKey, Method>(
  owner: Partial<Record<Name, Method>>,
  name: Name,
  method: Method,
): void => {
  Object.defineProperty(owner, name, { configurable: true, enumerable: true, get: () => method, set: () => {} });
};

/** Hides a server from APM agents: its events bypass the prototypes that agents patch. */
export const unwrapped = (server: Server): Server => {
  keepMethod(
    server as Partial<Record<"emit", typeof EventEmitter.prototype.emit>>,
    "emit",
    EventEmitter.prototype.emit,
  );
  return server;
};

/** A handler of web requests. */
export type FetchHandler = (request: IncomingRequest) => Response | Promise<Response>;

export interface ListenOptions {
  readonly port: number;
  /** Default: all interfaces. */
  readonly hostname: string | undefined;
  /** Limits unverified connections, on Node. Bun does not report connections, and closes silent ones itself. */
  readonly unverified: Pick<UnverifiedRequests, "connected" | "verified">;
  /** Accepts links. */
  readonly links: LinkAcceptor;
  /** Called with later errors of the socket. */
  readonly onError: (error: unknown) => void;
}

/** A listening server. */
export interface Listener {
  readonly port: number;
  /** The address that it listens on. */
  readonly hostname: string;
  readonly url: string;
  /** Resolves when connections are accepted. Rejects with a {@link ConfigError} if the address cannot be opened. */
  readonly ready: Promise<void>;
  /** Stops listening synchronously. Open connections stay. */
  freePort(): void;
  /** Announces on all links that the runner stops. */
  goAway(): void;
  /**
   * Accepts no more connections, waits up to `graceMs` milliseconds for responses that are being sent, then closes all
   * connections. Bun leaves a connection without a finished request open until its own timeout.
   */
  close(graceMs: number): Promise<void>;
}

/** The part of Bun's global that is used here. */
interface BunRuntime {
  serve(options: ServeOptions): BunServer;
}

interface ServeOptions {
  port: number;
  hostname?: string | undefined;
  fetch?: (request: IncomingRequest, server: BunServer) => Response | undefined | Promise<Response>;
  websocket: BunWebSocketOptions;
  maxRequestBodySize: number;
  idleTimeout: number;
  reusePort: boolean;
  development: boolean;
  id: null;
}

interface BunServer extends BunUpgrades {
  readonly port: number;
  stop(closeActiveConnections?: boolean): Promise<void>;
  timeout(request: Request, seconds: number): void;
}

const bun = (globalThis as { readonly Bun?: BunRuntime }).Bun;

/** The fastest response class for the server of the runtime. srvx provides one for Node. */
let FastestResponse: new (body?: ConstructorParameters<typeof Response>[0], init?: ResponseInit) => Response = Response;

/** Converts a response for the server of the runtime. */
export const toResponse = ({ status, headers, body }: Answer): Response =>
  new FastestResponse(body as ConstructorParameters<typeof Response>[0], { status, headers });

/** The URL for clients on this machine. */
const urlOf = (hostname: string | undefined, port: number): string => {
  if (hostname === undefined || hostname === "0.0.0.0") return `http://127.0.0.1:${port}`;
  if (hostname === "::") return `http://[::1]:${port}`;
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
};

const listenError = (cause: unknown, { port, hostname }: ListenOptions): ConfigError => {
  const { code } = cause as NodeJS.ErrnoException;
  const where = `port ${port}${hostname === undefined ? "" : ` of ${hostname}`}`;
  const advice =
    code === "EADDRINUSE"
      ? `is in use by another process. Stop that process (\`ss -ltnp 'sport = :${port}'\` shows it), or set another port with the option port or FLAME_PORT; 0 selects a free port.`
      : code === "EACCES"
        ? "requires more permissions than this user has. Set a port above 1023 with the option port or FLAME_PORT."
        : `cannot be opened${code === undefined ? "" : ` (${code})`}. Check the options port and hostname, or FLAME_PORT and FLAME_HOST.`;
  return new ConfigError(`The runner cannot listen: ${where} ${advice}`, { cause });
};

const within = (ms: number, work: Promise<unknown>): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void work.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });

/**
 * Finds a free port synchronously. Listening without a host binds synchronously, and closing frees the port
 * synchronously; a listener with a host binds one tick later.
 */
const findFreePort = (): number => {
  const probe = createNetServer();
  probe.listen({ port: 0, exclusive: true });
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === "string")
    throw new ConfigError("There is no free TCP port. Set one with the option port or FLAME_PORT.");
  return address.port;
};

/** A handler that is still loading. Requests wait for it. */
const late = (making: Promise<FetchHandler>): FetchHandler => {
  let made: FetchHandler | undefined;
  making.then(
    (handler) => (made = handler),
    () => {},
  );
  return (request) => (made === undefined ? making.then((handler) => handler(request)) : made(request));
};

const closeNode = (server: Server, graceMs: number): Promise<void> => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  return within(graceMs, closed).then(() => {
    server.closeAllConnections();
    return closed;
  });
};

/** All interfaces. */
const anyAddress = "0.0.0.0";

/** The address of a server without a host, which binds synchronously. `undefined` if the port is in use. */
const boundAddress = (server: Server): string | undefined => {
  const address = server.address();
  return typeof address === "string" ? undefined : address?.address;
};

/** Converts the handler for Node's server. */
const nodeHandler = async (fetch: Promise<FetchHandler>): Promise<RequestListener> => {
  const [handler, { FastResponse, toNodeHandler }] = await Promise.all([fetch, loadSrvx()]);
  FastestResponse = FastResponse;
  return toNodeHandler(handler) as RequestListener;
};

const listenOnNode = (fetch: Promise<FetchHandler>, options: ListenOptions): Listener => {
  const making = nodeHandler(fetch);
  let handle: RequestListener = (request, response) =>
    void making.then(
      (made) => made(request, response),
      () => response.destroy(),
    );
  making.then(
    (made) => (handle = made),
    () => server.close(),
  );
  const server = unwrapped(
    createServer(
      {
        headersTimeout: connectionLimits.headersTimeoutMs,
        requestTimeout: connectionLimits.requestTimeoutMs,
        keepAliveTimeout: connectionLimits.keepAliveTimeoutMs,
        maxHeaderSize: connectionLimits.maxHeaderBytes,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => handle(request, response),
    ),
  );
  server.on("connection", (socket) => options.unverified.connected(socket));
  acceptOnNode(server, options.links, options.unverified);
  const port = options.port === 0 ? findFreePort() : options.port;
  const listening = new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, { ...options, port })));
    server.listen({ port, host: options.hostname, exclusive: true }, () => {
      server.on("error", options.onError);
      resolve();
    });
  });
  return {
    port,
    hostname: options.hostname ?? boundAddress(server) ?? anyAddress,
    url: urlOf(options.hostname, port),
    ready: Promise.all([listening, making]).then(() => {}),
    freePort: () => void server.close(),
    goAway: () => options.links.goAway(),
    close: (graceMs) =>
      listening.then(
        () => options.links.close(graceMs).then(() => closeNode(server, graceMs)),
        () => {},
      ),
  };
};

const listenOnBun = (runtime: BunRuntime, fetch: Promise<FetchHandler>, options: ListenOptions): Listener => {
  const handle = late(fetch);
  let server: BunServer;
  try {
    const serveOptions: ServeOptions = {
      port: options.port,
      hostname: options.hostname,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      idleTimeout: connectionLimits.headersTimeoutMs / 1000,
      reusePort: false,
      development: false,
      id: null,
      websocket: bunWebSockets(options.links, options.unverified),
    };
    keepMethod(serveOptions, "fetch", (request: IncomingRequest, self: BunServer) => {
      const upgraded = upgradeOnBun(request, self, options.links);
      if (upgraded !== undefined) return upgraded.response;
      if (request.method !== "POST") self.timeout(request, connectionLimits.keepAliveTimeoutMs / 1000);
      request.runtime = { bun: { server: self } };
      return handle(request);
    });
    server = runtime.serve(serveOptions);
  } catch (error) {
    const ready = Promise.reject(listenError(error, options));
    const { port, hostname } = options;
    const close = () => Promise.resolve();
    const nothing = (): void => {};
    const url = urlOf(hostname, port);
    return { port, hostname: hostname ?? anyAddress, url, ready, freePort: nothing, goAway: nothing, close };
  }
  fetch.catch(() => server.stop(true));
  return {
    port: server.port,
    hostname: options.hostname ?? anyAddress,
    url: urlOf(options.hostname, server.port),
    ready: fetch.then(() => {}),
    freePort: () => void server.stop(false),
    goAway: () => options.links.goAway(),
    close: async (graceMs) => {
      await options.links.close(graceMs);
      await within(graceMs, server.stop(false));
      await within(graceMs, server.stop(true));
    },
  };
};

/**
 * Listens. An address that cannot be opened, or a handler that cannot be loaded, rejects `ready`; this function does
 * not throw. Requests that arrive before the handler is loaded wait for it.
 */
export const listen = (fetch: Promise<FetchHandler>, options: ListenOptions): Listener =>
  bun === undefined ? inNoContext(listenOnNode, fetch, options) : inNoContext(listenOnBun, bun, fetch, options);
