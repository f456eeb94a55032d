/**
 * HTTP/1.1 on plain sockets, for Bun. Bun's `fetch` is unsuitable: it sends at most 256 requests at a time per process
 * and does not report which ones wait, so it is unknown whether a request was sent; it obeys proxy variables; and its
 * errors do not report how far a request got.
 */
import type { Socket } from "node:net";
import type { ResolvedConnection } from "../../contract/config/resolve-connection.ts";
import { unobserved } from "../../telemetry/unobserved.ts";
import { Connector } from "./connector.ts";
import { ResponseBody } from "./response-body.ts";
import { type ResponseHead, type ResponseListener, ResponseReader } from "./response-reader.ts";
import type { HttpExchange, HttpOutcome, HttpRequest, HttpTransport } from "./transport.ts";

/** How long an idle connection is kept, in milliseconds, unless the server sets a limit. */
const idleMs = 4_000;
/** How long before the server's limit a connection is closed, in milliseconds, to avoid a race. */
const idleMarginMs = 2_000;
const sweepMs = 1_000;

/** Bodies up to this size are copied behind the head, which costs less than a second write. In bytes. */
const oneWriteBytes = 64 * 1024;

/** A request in progress. */
class SocketExchange implements HttpExchange {
  readonly request: HttpRequest;
  readonly #done: (outcome: HttpOutcome) => void;
  /** Stops what it waits for: a connection, or a response. */
  stop: (() => void) | undefined;
  sent = false;
  over = false;

  constructor(request: HttpRequest, done: (outcome: HttpOutcome) => void) {
    this.request = request;
    this.#done = done;
  }

  abort(): void {
    if (this.over) return;
    this.over = true;
    if (this.stop !== undefined) unobserved(this.stop);
  }

  end(outcome: HttpOutcome): void {
    if (this.over) return;
    this.over = true;
    this.#done(outcome);
  }

  fail(cause: unknown): void {
    this.end({ failure: { sent: this.sent, cause } });
  }
}

const unsafe = /[^\t\x20-\x7e]/;

const headOf = ({ path, method = "POST", headers, body }: HttpRequest, { prefix, host }: Connector): string => {
  let head = `${method} ${prefix}${path} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (const name in headers) {
    const value = headers[name]!;
    if (unsafe.test(value)) throw new Error(`the value of header ${name} has characters that HTTP does not allow`);
    head += `${name}: ${value}\r\n`;
  }
  return method === "GET" ? `${head}\r\n` : `${head}content-length: ${body.byteLength}\r\n\r\n`;
};

const closed = (what: string): Error => Object.assign(new Error(what), { code: "ECONNRESET" });

/** The connections to one runner. */
class Route {
  readonly connector: Connector;
  readonly #idle: Array<Connection> = [];
  readonly #open = new Set<Connection>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(connector: Connector) {
    this.connector = connector;
  }

  send(exchange: SocketExchange): void {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.expired(performance.now())) connection.destroy();
      else return connection.start(exchange);
    }
    exchange.stop = this.connector.open((error, socket) => {
      if (socket === null) return exchange.fail(error);
      const connection = new Connection(this, socket);
      this.#open.add(connection);
      connection.start(exchange);
    });
  }

  rested(connection: Connection): void {
    this.#idle.push(connection);
    this.#sweep ??= setInterval(() => this.#dropExpired(), sweepMs).unref();
  }

  left(connection: Connection): void {
    this.#open.delete(connection);
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  close(): void {
    clearInterval(this.#sweep);
    this.connector.close();
    for (const connection of [...this.#open]) connection.close();
  }

  #dropExpired(): void {
    const now = performance.now();
    for (const connection of [...this.#idle]) if (connection.expired(now)) connection.destroy();
    if (this.#idle.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

/** A connection, with one request at a time. */
class Connection implements ResponseListener {
  readonly #route: Route;
  readonly #socket: Socket;
  readonly #reader = new ResponseReader(this);
  #exchange: SocketExchange | undefined;
  #head: ResponseHead | undefined;
  #body: ResponseBody | undefined;
  #ended = false;
  #idleUntil = 0;
  #closed = false;
  readonly #stop = (): void => this.destroy();

  constructor(route: Route, socket: Socket) {
    this.#route = route;
    this.#socket = socket;
    socket
      .on("data", (chunk: Buffer) => this.#received(chunk))
      .on("end", () => this.#lost(undefined))
      .on("error", (error) => this.#lost(error))
      .on("close", () => this.#lost(undefined))
      .resume();
  }

  start(exchange: SocketExchange): void {
    let head: string;
    try {
      head = headOf(exchange.request, this.#route.connector);
    } catch (error) {
      this.rest(idleMs);
      setImmediate(() => exchange.fail(error));
      return;
    }
    const { body } = exchange.request;
    const socket = this.#socket;
    this.#exchange = exchange;
    exchange.stop = this.#stop;
    exchange.sent = true;
    socket.ref();
    if (body.byteLength <= oneWriteBytes) {
      const bytes = Buffer.allocUnsafe(head.length + body.byteLength);
      bytes.write(head, "latin1");
      bytes.set(body, head.length);
      socket.write(bytes);
    } else {
      socket.cork();
      socket.write(head, "latin1");
      socket.write(body);
      socket.uncork();
    }
  }

  /** Keeps the connection for the next request. */
  rest(forMs: number): void {
    this.#idleUntil = performance.now() + forMs;
    this.#socket.unref();
    this.#route.rested(this);
  }

  expired(now: number): boolean {
    return this.#idleUntil <= now;
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#route.left(this);
    this.#socket.destroy();
  }

  /** Closes it, and fails the request on it. */
  close(): void {
    this.#lost(closed("the connections to the runner were closed"));
  }

  onHead(head: ResponseHead): void {
    const exchange = this.#exchange;
    if (exchange === undefined || this.#ended) return this.destroy();
    this.#route.connector.answered();
    this.#head = head;
    this.#body = new ResponseBody(exchange.request, head);
  }

  onData(chunk: Uint8Array): void {
    if (this.#ended) this.destroy();
    else this.#body?.add(chunk);
  }

  onEnd(): void {
    this.#ended = true;
  }

  #received(chunk: Buffer): void {
    if (this.#closed) return;
    if (this.#exchange === undefined) return this.destroy();
    try {
      this.#reader.push(chunk);
    } catch (error) {
      return this.#lost(error);
    }
    const body = this.#body;
    if (body !== undefined && (this.#ended || body.refused)) this.#finish(body);
  }

  /** Frees the connection, then reports the outcome, so that the caller can reuse the connection at once. */
  #finish(body: ResponseBody): void {
    const exchange = this.#exchange!;
    const head = this.#head!;
    const clean = this.#ended && head.persistent && this.#reader.atRest && this.#socket.writableLength === 0;
    this.#exchange = undefined;
    this.#head = undefined;
    this.#body = undefined;
    this.#ended = false;
    const forMs = keptMs(head);
    if (this.#closed || !clean || forMs <= 0) this.destroy();
    else this.rest(forMs);
    exchange.end(body.outcome());
  }

  /** The connection was closed, or failed. */
  #lost(cause: unknown): void {
    const exchange = this.#exchange;
    const body = this.#body;
    if (exchange !== undefined && body !== undefined && cause === undefined && this.#reader.end()) {
      return this.#finish(body);
    }
    this.destroy();
    if (exchange === undefined) return;
    this.#exchange = undefined;
    if (body === undefined) this.#route.connector.unanswered();
    exchange.fail(cause ?? closed("the server closed the connection"));
  }
}

/** How long a connection can be kept after a response, in milliseconds. */
const keptMs = (head: ResponseHead): number => {
  const seconds = /(?:^|[\s,])timeout=(\d{1,6})/i.exec(head.header("keep-alive") ?? "")?.[1];
  return seconds === undefined ? idleMs : Math.min(idleMs, Number(seconds) * 1000 - idleMarginMs);
};

/** Makes a transport on sockets. Connections open when they are first needed. */
export const makeSocketTransport = (connection: ResolvedConnection): HttpTransport => {
  const routes = new Map<string, Route>();
  return {
    send: (request, done) => {
      let route = routes.get(request.url);
      if (route === undefined) {
        route = new Route(new Connector(request.url, connection));
        routes.set(request.url, route);
      }
      const exchange = new SocketExchange(request, done);
      route.send(exchange);
      return exchange;
    },
    forget: (url) => {
      routes.get(url)?.close();
      routes.delete(url);
    },
    close: () => {
      for (const route of routes.values()) route.close();
      routes.clear();
      return Promise.resolve();
    },
  };
};
