/** A TCP proxy that breaks connections at a chosen moment, and counts the requests that pass it. */
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { onTestFinished } from "vitest";

/** When a connection is reset: with the headers of a request, in the middle of its body, before or in the middle of the response. */
export type CutPoint = "after headers" | "mid-body" | "before the response" | "mid-response";

export interface CuttingProxy {
  readonly url: string;
  /** Requests that have arrived here. */
  readonly requests: number;
  /** Breaks everything that comes from now on; `undefined` lets it pass. */
  cut(point: CutPoint | undefined): void;
}

const endOfHeaders = Buffer.from("\r\n\r\n");

/** Hands on to the port of 127.0.0.1 until told to cut; ends with the test. */
export const startCuttingProxy = async (port: number): Promise<CuttingProxy> => {
  let point: CutPoint | undefined;
  let requests = 0;
  const sockets = new Set<Socket>();

  const server = createServer((client) => {
    const runner = connect(port, "127.0.0.1");
    const cut = (): void => {
      client.resetAndDestroy();
      runner.resetAndDestroy();
    };
    let held = Buffer.alloc(0);
    for (const socket of [client, runner]) {
      sockets.add(socket);
      socket
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(socket);
          client.destroy();
          runner.destroy();
        });
    }
    client.on("data", (chunk: Buffer) => {
      requests += chunk.toString("latin1").split("POST /invoke").length - 1;
      if (point !== "after headers" && point !== "mid-body") {
        runner.write(chunk);
        return;
      }
      held = Buffer.concat([held, chunk]);
      const bodyAt = held.indexOf(endOfHeaders) + endOfHeaders.length;
      if (bodyAt < endOfHeaders.length || (point === "mid-body" && held.length < bodyAt + 2)) return;
      runner.write(held.subarray(0, point === "after headers" ? bodyAt : bodyAt + 2), cut);
    });
    runner.on("data", (chunk: Buffer) => {
      if (point === "before the response") cut();
      else if (point === "mid-response") client.write(chunk.subarray(0, chunk.length - 1), cut);
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    cut: (next) => {
      point = next;
    },
  };
};
