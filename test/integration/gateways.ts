/** Intermediaries between parents and runners: gateways that terminate TLS or strip a path prefix, and CONNECT proxies. */
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
  /** Decrypted request bytes. */
  readonly bytes: number;
}

/** Terminates TLS in front of a port of 127.0.0.1. With `mutual`, requires a client certificate of the tests' CA. */
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
  /** Paths of the requests, in order. */
  readonly paths: ReadonlyArray<string>;
}

/** Forwards requests below a prefix, without the prefix. Answers 404 to everything else. */
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
  /** The heads of all requests. */
  readonly heads: ReadonlyArray<string>;
}

/** Opens tunnels to ports of 127.0.0.1 for any host name; a `status` other than 200 rejects them. Answers 500 to anything but CONNECT. */
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
