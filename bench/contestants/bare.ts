/**
 * The bare HTTP of the runtime: undici to `node:http` on Node, `fetch` to `Bun.serve` on Bun, with JSON and nothing
 * else.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import type { Contestant } from "../harness/contestant.ts";
import { accept, type Order, order, type Rich, rich } from "../harness/payloads.ts";

const paths = { call: "/accept", rich: "/echo" };

const answer = (path: string | undefined, body: string): string =>
  JSON.stringify(path?.endsWith(paths.rich) ? (JSON.parse(body) as Rich) : accept(JSON.parse(body) as Order));

const headers = { "content-type": "application/json" };

const serveOnNode = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        response.writeHead(200, headers);
        response.end(answer(request.url, Buffer.concat(chunks).toString()));
      });
    });
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });

interface BunServer {
  serve(options: object): { readonly port: number };
}

const serveOnBun = (bun: BunServer): number =>
  bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request: Request) => new Response(answer(request.url, await request.text()), { headers }),
  }).port;

const bun = (globalThis as { readonly Bun?: BunServer }).Bun;

export const contestant: Contestant = {
  serve: async () => `http://127.0.0.1:${bun === undefined ? await serveOnNode() : serveOnBun(bun)}`,
  connect: async (url) => {
    const pool = new Pool(url, { connections: null, pipelining: 1 });
    const post = async (path: string, value: unknown): Promise<unknown> => {
      const options = { method: "POST", headers, body: JSON.stringify(value) };
      if (bun !== undefined) return (await fetch(`${url}${path}`, options)).json();
      return (await pool.request({ ...options, path, method: "POST" })).body.json();
    };
    return { call: () => post(paths.call, order), rich: () => post(paths.rich, rich) };
  },
};
