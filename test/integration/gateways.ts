/** What stands between parents and runners: gateways that end TLS or take a prefix off paths, and proxies that open tunnels. */
import { createServer as createHttpServer, request as httpRequest } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import { onTestFinished } from "vitest";
import { pemOf } from "../harness/certificates.ts";
import { type Fault, listenDuringTest, startFaultProxy } from "../harness/fault-proxy.ts";

const join = (one: Socket, other: Socket, sockets: Set<Socket>): void => {
  for (const socket of [one, other]) {
    sockets.add(socket);
    socket
      .on("error", () => {})
      .on("close", () => {
        sockets.delete(socket);
        one.destroy();
        other.destroy();
      });
  }
  one.pipe(other).pipe(one);
};

export interface TlsGateway {
  readonly port: number;
  /** Bytes of requests that have come out of TLS. */
  readonly bytes: number;
}

/** Ends TLS in front of a port of 127.0.0.1. With `mutual`, it wants a client certificate of the tests' authority. */
export const startTlsGateway = async (
  to: number,
  {
    certificate = "server",
    mutual = false,
    ...options
  }: TlsOptions & { certificate?: "server" | "elsewhere"; mutual?: boolean } = {},
): Promise<TlsGateway> => {
  const tls = {
    cert: pemOf(certificate),
    key: pemOf(`${certificate}-key`),
    ...(mutual ? { ca: pemOf("authority"), requestCert: true, rejectUnauthorized: true } : {}),
    ...options,
  };
  let bytes = 0;
  const countBytes: Fault = () => ({
    request: (chunk) => {
      bytes += chunk.byteLength;
      return chunk;
    },
  });
  const { port } = await startFaultProxy({ to: [to], tls }, countBytes);
  return {
    port,
    get bytes() {
      return bytes;
    },
  };
};

export interface PathGateway {
  readonly url: string;
  /** Paths that were asked for here, as they came. */
  readonly paths: ReadonlyArray<string>;
}

/** Hands on what is below a prefix, without the prefix. Everything else is not found. */
export const startPathGateway = async (prefix: string, to: number): Promise<PathGateway> => {
  const paths: Array<string> = [];
  const server = createHttpServer((incoming, outgoing) => {
    const path = incoming.url!;
    paths.push(path);
    if (!path.startsWith(`${prefix}/`)) {
      outgoing.writeHead(404).end();
      return;
    }
    const { method, headers } = incoming;
    const onward = httpRequest(
      { host: "127.0.0.1", port: to, method, headers, path: path.slice(prefix.length) },
      (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  const port = await listenDuringTest(server, new Set());
  onTestFinished(() => server.closeAllConnections());
  return { url: `http://127.0.0.1:${port}${prefix}`, paths };
};

export interface ConnectProxy {
  readonly port: number;
  /** The heads of all that was asked of it. */
  readonly heads: ReadonlyArray<string>;
}

/** Opens tunnels to ports of 127.0.0.1, whatever host is asked for; `status` refuses them. Anything but CONNECT is answered with 500. */
export const startConnectProxy = async (status = 200): Promise<ConnectProxy> => {
  const sockets = new Set<Socket>();
  const heads: Array<string> = [];
  const server = createServer((client) => {
    sockets.add(client);
    client.on("error", () => {}).on("close", () => sockets.delete(client));
    let head = "";
    const onData = (chunk: Buffer): void => {
      head += chunk.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      client.off("data", onData);
      heads.push(head);
      const port = /^CONNECT \S+:(\d+) /.exec(head)?.[1];
      if (port === undefined || status !== 200) {
        client.end(`HTTP/1.1 ${port === undefined ? 500 : status} No\r\ncontent-length: 0\r\n\r\n`);
        return;
      }
      const onward = connect(Number(port), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        join(client, onward, sockets);
      }).on("error", () => client.destroy());
    };
    client.on("data", onData);
  });
  return { port: await listenDuringTest(server, sockets), heads };
};
