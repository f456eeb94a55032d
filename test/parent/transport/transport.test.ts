/** Behavior of every transport on real sockets: undici's on Node, and the socket transport of Bun on both runtimes. */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { plainConnection } from "../../../src/contract/config/resolve-connection.ts";
import { ResponseTooLarge } from "../../../src/parent/transport/response-body.ts";
import type {
  HttpExchange,
  HttpFailure,
  HttpRequest,
  HttpResponse,
  HttpTransport,
} from "../../../src/parent/transport/transport.ts";
import { makeSocketTransport } from "../../../src/parent/transport/socket.ts";
import { makeUndiciTransport } from "../../../src/parent/transport/undici.ts";
import { waitFor } from "../../harness/wait-for.ts";

const transports = {
  ...("Bun" in globalThis ? {} : { undici: makeUndiciTransport }),
  sockets: makeSocketTransport,
};

/** A server whose responses are written as raw bytes. */
interface RawServer {
  readonly url: string;
  readonly port: number;
  /** Number of connections since the start. */
  readonly connections: number;
  /** Open connections. */
  readonly open: ReadonlySet<Socket>;
  /** All received bytes. */
  readonly received: () => string;
}

const serve = async (onData: (socket: Socket, text: string) => void): Promise<RawServer> => {
  const open = new Set<Socket>();
  let connections = 0;
  let received = "";
  const server: Server = createServer((socket) => {
    connections++;
    open.add(socket);
    socket
      .on("error", () => {})
      .on("close", () => open.delete(socket))
      .on("data", (chunk) => {
        received += chunk.toString("latin1");
        onData(socket, chunk.toString("latin1"));
      });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    get connections() {
      return connections;
    },
    open,
    received: () => received,
  };
};

const answer = (body: string, headers = ""): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;

const lengthOf = (response: HttpResponse): string => Buffer.from(response.body).toString();

type Result = { readonly response?: HttpResponse; readonly failure?: HttpFailure };

describe.each(Object.entries(transports))("the %s transport", (_, make) => {
  let transport: HttpTransport | undefined;
  afterEach(async () => {
    await transport?.close();
    transport = undefined;
  });

  const send = (
    url: string,
    request: Partial<HttpRequest> = {},
  ): { exchange: HttpExchange; result: Promise<Result> } => {
    const { promise, resolve } = Promise.withResolvers<Result>();
    const exchange = (transport ??= make(plainConnection)).send(
      { url, path: "/invoke", headers: {}, body: Buffer.from("abc"), maxResponseBytes: 1_000, ...request },
      resolve,
    );
    return { exchange, result: promise };
  };
  const textOf = async (url: string, request?: Partial<HttpRequest>): Promise<string> => {
    const { response, failure } = await send(url, request).result;
    if (response === undefined) throw failure!.cause as Error;
    return lengthOf(response);
  };

  test("sends requests below the URL's path, with their headers and body", async () => {
    const server = await serve((socket, text) => {
      if (text.includes("abc") || text.startsWith("GET")) socket.write(answer("done", "x-a: 1\r\n"));
    });
    const { response } = await send(`${server.url}/gateway/one`, { headers: { "x-flame-request": "1 a/b" } }).result;
    expect(response).toMatchObject({ status: 200 });
    expect(response!.header("x-a")).toBe("1");
    expect(server.received()).toMatch(/^POST \/gateway\/one\/invoke HTTP\/1\.1\r\n/);
    expect(server.received().toLowerCase()).toContain(`host: 127.0.0.1:${server.port}\r\n`);
    expect(server.received()).toContain("x-flame-request: 1 a/b\r\n");
    expect(server.received()).toMatch(/content-length: 3\r\n([^]+\r\n)?\r\nabc$/);
    expect(await textOf(`${server.url}/gateway/one`, { method: "GET", path: "/ready", body: new Uint8Array(0) })).toBe(
      "done",
    );
    expect(server.received()).toContain("GET /gateway/one/ready HTTP/1.1\r\n");
  });

  test("reuses connections, except those that the server has closed", async () => {
    const server = await serve((socket) => socket.write(answer("done")));
    for (let call = 0; call < 20; call++) expect(await textOf(server.url)).toBe("done");
    const kept = server.connections;
    expect(kept).toBeLessThanOrEqual(2);
    for (const socket of server.open) socket.end();
    await waitFor(() => server.open.size === 0, { what: "the connections to be closed" });
    expect(await textOf(server.url)).toBe("done");
    expect(server.connections).toBe(kept + 1);
  });

  test.each(["connection: close\r\n", "keep-alive: timeout=1\r\n"])(
    "does not reuse a connection after a response with %j",
    async (header) => {
      const server = await serve((socket) => socket.write(answer("done", header)));
      expect(await textOf(server.url)).toBe("done");
      await waitFor(() => server.open.size === 0, { what: "the connection to be closed" });
      expect(await textOf(server.url)).toBe("done");
      expect(server.connections).toBe(2);
    },
  );

  test("never treats unsolicited bytes as a response", async () => {
    let asked = 0;
    const server = await serve(
      (socket) => void socket.write(answer(`${++asked}`) + (asked === 1 ? answer("forged") : "")),
    );
    expect(await textOf(server.url)).toBe("1");
    expect(await textOf(server.url)).toBe("2");
    expect(server.connections).toBe(2);
  });

  test("sends 400 requests concurrently, more than Bun's fetch allows, and none waits for another", async () => {
    const waiting: Array<Socket> = [];
    const server = await serve((socket, text) => {
      if (text.startsWith("GET")) socket.write(answer("quick"));
      else waiting.push(socket);
    });
    const calls = Array.from({ length: 400 }, () => send(server.url));
    await waitFor(() => waiting.length === 400, { what: "all requests to arrive" });
    expect(calls.every(({ exchange }) => exchange.sent)).toBe(true);
    expect(await textOf(server.url, { method: "GET", body: new Uint8Array(0) })).toBe("quick");
    for (const socket of waiting) socket.write(answer("slow"));
    for (const { result } of calls) expect(lengthOf((await result).response!)).toBe("slow");
  });

  test("reports a request as unsent when the connection is refused", async () => {
    const { exchange, result } = send("http://127.0.0.1:1");
    expect(exchange.sent).toBe(false);
    expect((await result).failure).toMatchObject({ sent: false, cause: { code: "ECONNREFUSED" } });
    expect(exchange.sent).toBe(false);
  });

  test("reports a request as unsent during the TLS handshake, and closes the connection on abort", async () => {
    const server = await serve(() => {});
    const { exchange } = send(`https://127.0.0.1:${server.port}`);
    await waitFor(() => server.received().length > 0, { what: "the TLS handshake to start" });
    expect(exchange.sent).toBe(false);
    exchange.abort();
    await transport!.close();
    await waitFor(() => server.open.size === 0, { what: "the connection to be closed" });
    expect(exchange.sent).toBe(false);
  });

  test("reports a request as sent if its connection ends without a response or in the middle of one", async () => {
    for (const part of ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"]) {
      const server = await serve((socket) => socket.end(part));
      const { exchange, result } = send(server.url);
      expect((await result).failure).toMatchObject({ sent: true });
      expect(exchange.sent).toBe(true);
      expect(server.received().split("POST ")).toHaveLength(2);
    }
  });

  test("accepts a body that ends with the connection", async () => {
    const server = await serve((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nto the end"));
    expect(await textOf(server.url)).toBe("to the end");
  });

  test("transfers large requests and responses completely", async () => {
    const body = Buffer.alloc(3_000_000, "abcdefghij");
    let seen = 0;
    const server = await serve((socket, text) => {
      seen += text.length;
      if (seen >= body.length && text.endsWith("j")) socket.write(answer(body.toString()));
    });
    expect(await textOf(server.url, { body, maxResponseBytes: 3_000_000 })).toBe(body.toString());
    expect(server.received().endsWith(body.toString())).toBe(true);
  });

  test("accepts a response that arrives before the whole request is sent, and does not mix up the next one", async () => {
    const server = await serve((socket, text) => {
      if (text.startsWith("POST /large")) {
        socket.write("HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno");
        socket.pause();
      } else if (text.includes("POST /invoke")) socket.write(answer("done"));
    });
    const { response } = await send(server.url, { path: "/large", body: Buffer.alloc(30_000_000) }).result;
    expect(response).toMatchObject({ status: 413 });
    for (const socket of server.open) socket.resume();
    expect(await textOf(server.url)).toBe("done");
  });

  test("abort closes the connection and reports no outcome", async () => {
    const server = await serve(() => {});
    const { exchange, result } = send(server.url);
    await waitFor(() => server.received().endsWith("abc"), { what: "the request to arrive" });
    exchange.abort();
    await waitFor(() => server.open.size === 0, { what: "the connection to be closed" });
    expect(await Promise.race([result, Promise.resolve("nothing")])).toBe("nothing");
  });

  test("close fails requests in progress and closes idle connections", async () => {
    const server = await serve((socket, text) => {
      if (text.startsWith("POST /quick")) socket.write(answer("quick"));
    });
    expect(await textOf(server.url, { path: "/quick" })).toBe("quick");
    const { result } = send(server.url);
    await waitFor(() => server.received().includes("/invoke"), { what: "the request to arrive" });
    await transport!.close();
    expect((await result).failure).toMatchObject({ sent: true });
    await waitFor(() => server.open.size === 0, { what: "all connections to be closed" });
  });

  test("rejects a header value with a line break without sending it", async () => {
    const server = await serve((socket) => socket.write(answer("done")));
    expect(await textOf(server.url)).toBe("done");
    const outcome = await Promise.resolve()
      .then(() => send(server.url, { headers: { "x-a": "1\r\nx-b: 2" } }).result)
      .catch((cause: unknown): Result => ({ failure: { sent: false, cause } }));
    expect(outcome.failure).toMatchObject({ sent: false });
    expect(server.received()).not.toContain("x-b");
    expect(await textOf(server.url)).toBe("done");
  });

  test.each([
    ["of known length", (size: number) => answer("x".repeat(size))],
    [
      "in chunks",
      (size: number) =>
        `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${size.toString(16)}\r\n${"x".repeat(size)}\r\n0\r\n\r\n`,
    ],
  ])("accepts a response %s up to maxResponseBytes and fails above it", async (_kind, made) => {
    const fits = await serve((socket) => socket.write(made(1_000)));
    expect(await textOf(fits.url)).toHaveLength(1_000);
    const large = await serve((socket) => socket.write(made(1_001)));
    const { failure } = await send(large.url).result;
    expect(failure).toMatchObject({ sent: true });
    expect(failure!.cause).toBeInstanceOf(ResponseTooLarge);
    expect((failure!.cause as ResponseTooLarge).bytes).toBeUndefined();
  });

  test("passes all bytes of a response over the limit to the oversized check only", async () => {
    const server = await serve((socket) => socket.write(answer("x".repeat(200_000), "x-a: 1\r\n")));
    let bytes = 0;
    const { failure } = await send(server.url, {
      oversized: {
        startCheck: (response, length) => {
          expect([response.status, response.header("x-a"), length]).toEqual([200, "1", 200_000]);
          return { update: (chunk) => (bytes += chunk.byteLength) };
        },
      },
    }).result;
    expect((failure!.cause as ResponseTooLarge).bytes).toBe(200_000);
    expect(bytes).toBe(200_000);
  });
});
