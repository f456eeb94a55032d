/**
 * Puts a web-standard handler on a socket, on Node or on Bun, with every limit
 * set in the open. The port is known as soon as this returns.
 */
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

/** Gives an object a method that an assignment leaves as it is. It must not throw: agents assign while a request comes in. */
export const keepMethod = <Name extends PropertyKey, Method>(
  owner: Partial<Record<Name, Method>>,
  name: Name,
  method: Method,
): void => {
  Object.defineProperty(owner, name, { configurable: true, enumerable: true, get: () => method, set: () => {} });
};

/** Takes a server out of what agents see: its events go past the prototypes that they patch. */
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
  /** All interfaces when left out. */
  readonly hostname: string | undefined;
  /** Bounds the connections of strangers; Bun does not announce its connections, and ends those that say nothing by itself. */
  readonly unverified: Pick<UnverifiedRequests, "connected">;
  /** Hears what goes wrong with the socket later on. */
  readonly onError: (error: unknown) => void;
}

/** A server on its socket. */
export interface Listener {
  readonly port: number;
  /** The address that it listens on. */
  readonly hostname: string;
  readonly url: string;
  /** Resolves when connections are accepted; rejects with a {@link ConfigError} when the address cannot be had. */
  readonly ready: Promise<void>;
  /** Stops listening before it returns; connections stay. */
  freePort(): void;
  /**
   * Accepts nothing more, lets responses that are being sent finish for `graceMs`, then closes all connections. Bun
   * leaves a connection open on which no request was ever finished, until a time limit of its own ends it.
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
  fetch?: (request: IncomingRequest, server: BunServer) => Response | Promise<Response>;
  maxRequestBodySize: number;
  idleTimeout: number;
  reusePort: boolean;
  development: boolean;
  id: null;
}

interface BunServer {
  readonly port: number;
  stop(closeActiveConnections?: boolean): Promise<void>;
  timeout(request: Request, seconds: number): void;
}

const bun = (globalThis as { readonly Bun?: BunRuntime }).Bun;

/** The class whose responses cost the runtime's server least; srvx has one for Node. */
let FastestResponse: new (body?: ConstructorParameters<typeof Response>[0], init?: ResponseInit) => Response = Response;

/** The response in the form that costs the runtime's server least. */
export const toResponse = ({ status, headers, body }: Answer): Response =>
  new FastestResponse(body as ConstructorParameters<typeof Response>[0], { status, headers });

/** An address that a client on this machine can use. */
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
      ? `is taken by another process. Stop that one (\`ss -ltnp 'sport = :${port}'\` shows it), or choose another port with the option port or FLAME_PORT; 0 takes a free one.`
      : code === "EACCES"
        ? "may not be opened by this user. Choose a port above 1023 with the option port or FLAME_PORT."
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
 * A free port, at once. Listening without a host binds synchronously, and closing frees the port synchronously; a
 * listener with a host binds one tick later only.
 */
const findFreePort = (): number => {
  const probe = createNetServer();
  probe.listen({ port: 0, exclusive: true });
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === "string")
    throw new ConfigError("No free TCP port could be found. Choose one with the option port or FLAME_PORT.");
  return address.port;
};

/** A handler that is still being made: requests wait for it, and go straight to it once it is there. */
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

/** All interfaces, where nothing else is known. */
const anyAddress = "0.0.0.0";

/** The address of a server that listens without a host: those bind synchronously. `undefined` where the port is taken. */
const boundAddress = (server: Server): string | undefined => {
  const address = server.address();
  return typeof address === "string" ? undefined : address?.address;
};

/** The handler as Node's server wants it. */
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
    close: (graceMs) =>
      listening.then(
        () => closeNode(server, graceMs),
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
    };
    keepMethod(serveOptions, "fetch", (request: IncomingRequest, self: BunServer) => {
      if (request.method !== "POST") self.timeout(request, connectionLimits.keepAliveTimeoutMs / 1000);
      request.runtime = { bun: { server: self } };
      return handle(request);
    });
    server = runtime.serve(serveOptions);
  } catch (error) {
    const ready = Promise.reject(listenError(error, options));
    const { port, hostname } = options;
    const close = () => Promise.resolve();
    return { port, hostname: hostname ?? anyAddress, url: urlOf(hostname, port), ready, freePort: () => {}, close };
  }
  fetch.catch(() => server.stop(true));
  return {
    port: server.port,
    hostname: options.hostname ?? anyAddress,
    url: urlOf(options.hostname, server.port),
    ready: fetch.then(() => {}),
    freePort: () => void server.stop(false),
    close: (graceMs) => within(graceMs, server.stop(false)).then(() => within(graceMs, server.stop(true))),
  };
};

/**
 * Listens. An address that cannot be had, and a handler that cannot be had, reject `ready`; nothing is thrown for them.
 * Requests that come before the handler wait for it.
 */
export const listen = (fetch: Promise<FetchHandler>, options: ListenOptions): Listener =>
  bun === undefined ? inNoContext(listenOnNode, fetch, options) : inNoContext(listenOnBun, bun, fetch, options);
