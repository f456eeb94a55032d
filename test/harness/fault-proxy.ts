/**
 * A TCP proxy in front of a runner that injects faults into the bytes of a connection. Faults compose: each handles the
 * bytes that the previous one passes on.
 *
 * @example
 * ```ts
 * const requests = recordRequests();
 * const cuts = cutConnections();
 * const proxy = await startFaultProxy(runner.port, requests, cuts);
 * cuts.point = "before the response";
 * ```
 */
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { onTestFinished } from "vitest";

/** One connection through the proxy, as a fault sees it. */
export interface Link {
  /** Writes to the runner, past all faults. `onWritten` runs once the system has the bytes. */
  toServer(bytes: Buffer, onWritten?: () => void): void;
  /** Writes to the client, past all faults. */
  toClient(bytes: Buffer, onWritten?: () => void): void;
  /** Ends both sides of the connection, with a reset or by closing them. */
  cut(how: "reset" | "close"): void;
}

/** Handles bytes: returns those to pass on, or `undefined` to hold them back. */
type Handler = (bytes: Buffer) => Buffer | undefined;

/** Handlers for the bytes of a connection. Called once per connection. */
export type Fault = (link: Link) => { readonly request?: Handler; readonly response?: Handler };

export interface FaultProxy {
  readonly url: string;
  readonly port: number;
  /** Connections that were opened to the proxy. */
  readonly connections: number;
  /** Disconnects the runners but keeps the clients connected and buffers what they send until {@link leadTo}. */
  hold(): void;
  /** Connects waiting clients, and those that come later, to these ports in turn; ends the other connections. */
  leadTo(...ports: ReadonlyArray<number>): Promise<void>;
}

/** Listens on a free port of 127.0.0.1 until the test ends. */
export const listenDuringTest = async (server: Server, sockets: Iterable<Socket>): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
};

class Connection implements Link {
  readonly client: Socket;
  #server: Socket | undefined;
  #waiting: Array<Buffer> = [];
  readonly #onResponse: (bytes: Buffer) => void;

  constructor(client: Socket, faults: ReadonlyArray<Fault>) {
    this.client = client;
    const handlers = faults.map((fault) => fault(this));
    const through = (bytes: Buffer, direction: "request" | "response"): Buffer | undefined => {
      let passed: Buffer | undefined = bytes;
      for (const handler of handlers)
        if (passed !== undefined) passed = (handler[direction] ?? ((same) => same))(passed);
      return passed;
    };
    this.#onResponse = (bytes) => {
      const passed = through(bytes, "response");
      if (passed !== undefined) this.toClient(passed);
    };
    client
      .on("error", () => {})
      .on("data", (bytes: Buffer) => {
        const passed = through(bytes, "request");
        if (passed !== undefined) this.toServer(passed);
      })
      .on("close", () => this.#server?.destroy());
  }

  get isWaiting(): boolean {
    return this.#server === undefined;
  }

  toServer(bytes: Buffer, onWritten?: () => void): void {
    if (this.#server === undefined) this.#waiting.push(bytes);
    else this.#server.write(bytes, onWritten);
  }

  toClient(bytes: Buffer, onWritten?: () => void): void {
    this.client.write(bytes, onWritten);
  }

  cut(how: "reset" | "close"): void {
    for (const socket of [this.client, this.#server]) {
      if (how === "reset") socket?.resetAndDestroy();
      else socket?.destroy();
    }
  }

  lead(port: number): void {
    const server = connect(port, "127.0.0.1");
    this.#server = server;
    server
      .on("error", () => {})
      .on("data", this.#onResponse)
      .on("close", () => {
        if (this.#server === server) this.client.destroySoon();
      });
    for (const bytes of this.#waiting.splice(0)) server.write(bytes);
  }

  hold(): void {
    const server = this.#server;
    this.#server = undefined;
    server?.destroy();
  }

  /** Ends the connection and waits until the client has closed it. Otherwise, the client might send its next request on it. */
  async end(): Promise<void> {
    if (this.client.destroyed) return;
    const closed = once(this.client, "close");
    this.client.end();
    await closed;
  }
}

/** Options of {@link startFaultProxy}. */
export interface FaultProxyOptions {
  /** The ports of 127.0.0.1 that connections lead to, in turn. */
  readonly to: ReadonlyArray<number>;
  /** Terminates TLS. Default: the proxy speaks plain TCP. */
  readonly tls?: TlsOptions;
}

/** Starts a proxy in front of a port of 127.0.0.1, or of several in turn. It stops when the test ends. */
export const startFaultProxy = async (
  target: number | FaultProxyOptions,
  ...faults: ReadonlyArray<Fault>
): Promise<FaultProxy> => {
  const { to, tls }: FaultProxyOptions = typeof target === "number" ? { to: [target] } : target;
  const open = new Set<Connection>();
  let ports = to;
  let connections = 0;
  let assigned = 0;
  let isHolding = false;
  const nextPort = (): number => ports[assigned++ % ports.length]!;
  const accept = (client: Socket): void => {
    connections++;
    const connection = new Connection(client, faults);
    open.add(connection);
    client.on("close", () => open.delete(connection));
    if (!isHolding) connection.lead(nextPort());
  };
  const server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept).on("tlsClientError", () => {});
  const port = await listenDuringTest(server, {
    *[Symbol.iterator]() {
      for (const { client } of open) yield client;
    },
  });
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    get connections() {
      return connections;
    },
    hold: () => {
      isHolding = true;
      for (const connection of open) connection.hold();
    },
    leadTo: async (...others) => {
      isHolding = false;
      ports = others;
      const ended: Array<Promise<void>> = [];
      for (const connection of open) {
        if (connection.isWaiting) connection.lead(nextPort());
        else ended.push(connection.end());
      }
      await Promise.all(ended);
    },
  };
};

/** A request as it was on the wire. */
export interface CapturedRequest {
  readonly method: string;
  readonly path: string;
  /** Names, as written, and values, in the order of the request. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: Buffer;
}

/** The value of a header of a captured request. */
export const headerOf = ({ headers }: CapturedRequest, name: string): string | undefined =>
  headers.find(([other]) => other.toLowerCase() === name)?.[1];

const endOfHead = "\r\n\r\n";

/** The first request in the bytes, and the remaining bytes. `undefined` until the request is complete. */
const takeRequest = (bytes: Buffer): { readonly request: CapturedRequest; readonly rest: Buffer } | undefined => {
  const headEnd = bytes.indexOf(endOfHead);
  if (headEnd === -1) return undefined;
  const [first = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const head = { method, path, headers, body: Buffer.alloc(0) };
  const from = headEnd + endOfHead.length;
  const to = from + Number(headerOf(head, "content-length") ?? 0);
  if (bytes.length < to) return undefined;
  return { request: { ...head, body: bytes.subarray(from, to) }, rest: bytes.subarray(to) };
};

/** Splits the bytes of one connection into requests. */
const requestReader = (): ((bytes: Buffer) => ReadonlyArray<CapturedRequest>) => {
  let unread: Buffer = Buffer.alloc(0);
  return (bytes) => {
    unread = Buffer.concat([unread, bytes]);
    const requests: Array<CapturedRequest> = [];
    for (let taken = takeRequest(unread); taken !== undefined; taken = takeRequest(unread)) {
      requests.push(taken.request);
      unread = taken.rest;
    }
    return requests;
  };
};

/** Records every complete request. */
export const recordRequests = (): Fault & { readonly captured: ReadonlyArray<CapturedRequest> } => {
  const captured: Array<CapturedRequest> = [];
  const fault: Fault = () => {
    const read = requestReader();
    return {
      request: (bytes) => {
        captured.push(...read(bytes));
        return bytes;
      },
    };
  };
  return Object.assign(fault, { captured });
};

/** Sends a captured request again, over its own connection. Returns the status of the response. */
export const replay = (captured: CapturedRequest, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const { method, path, headers, body } = captured;
    httpRequest({ host: "127.0.0.1", port, path, method, headers: Object.fromEntries(headers), agent: false })
      .on("error", reject)
      .on("response", (response) => {
        response.resume().on("end", () => resolve(response.statusCode ?? 0));
      })
      .end(body);
  });

/** Changes the headers of every request. Passes a request on once it is complete. */
export const rewriteHeaders =
  (rewrite: (headers: CapturedRequest["headers"]) => CapturedRequest["headers"]): Fault =>
  () => {
    const read = requestReader();
    return {
      request: (bytes) => {
        const rewritten = read(bytes).flatMap(({ method, path, headers, body }) => [
          Buffer.from(
            [`${method} ${path} HTTP/1.1`, ...rewrite(headers).map(([name, value]) => `${name}: ${value}`)].join(
              "\r\n",
            ) + endOfHead,
            "latin1",
          ),
          body,
        ]);
        return rewritten.length === 0 ? undefined : Buffer.concat(rewritten);
      },
    };
  };

/** Counts the calls and heartbeats whose first bytes arrive. */
export const countInvocations = () => {
  const counter = Object.assign<Fault, { count: number }>(
    () => ({
      request: (bytes) => {
        counter.count += bytes.toString("latin1").split("POST /invoke").length - 1;
        return bytes;
      },
    }),
    { count: 0 },
  );
  return counter;
};

/** When a connection is reset: after the headers of a request, in the middle of its body, before or in the middle of the response. */
export type CutPoint = "after headers" | "mid-body" | "before the response" | "mid-response";

/** Resets connections at `point`; `undefined`, the default, lets them pass. */
export const cutConnections = () => {
  const cuts = Object.assign<Fault, { point: CutPoint | undefined }>(
    (link) => {
      const cut = (): void => link.cut("reset");
      let held = Buffer.alloc(0);
      return {
        request: (bytes) => {
          if (cuts.point !== "after headers" && cuts.point !== "mid-body") return bytes;
          held = Buffer.concat([held, bytes]);
          const bodyAt = held.indexOf(endOfHead) + endOfHead.length;
          const passed = cuts.point === "after headers" ? bodyAt : bodyAt + 2;
          if (bodyAt >= endOfHead.length && held.length >= passed) link.toServer(held.subarray(0, passed), cut);
          return undefined;
        },
        response: (bytes) => {
          if (cuts.point === "before the response") cut();
          else if (cuts.point === "mid-response") link.toClient(bytes.subarray(0, bytes.length - 1), cut);
          else return bytes;
          return undefined;
        },
      };
    },
    { point: undefined },
  );
  return cuts;
};

/** Drops every `nth` response by closing its connection. */
export const dropResponses = (nth: number) => {
  let responses = 0;
  const drops = Object.assign<Fault, { dropped: number }>(
    (link) => ({
      response: (bytes) => {
        if (++responses % nth !== 0) return bytes;
        drops.dropped++;
        link.cut("close");
        return undefined;
      },
    }),
    { dropped: 0 },
  );
  return drops;
};
