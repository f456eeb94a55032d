/** The server side: a runner and the bare server for comparison, in one process. */
import { createServer } from "node:http";
import { flame } from "firelight";
import { Bench } from "./services.ts";
import type { Order } from "./services.ts";
import { traceEverything } from "./telemetry.ts";

traceEverything();
void Bench;

const accept = (body: string): string => {
  const order = JSON.parse(body) as Order;
  return JSON.stringify({ accepted: order.id, lines: order.items.length });
};

/** The minimal server for the same work on Node. */
const bareOnNode = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(accept(Buffer.concat(chunks).toString()));
      });
    });
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });

const bareOnBun = (): number => {
  const { Bun } = globalThis as unknown as {
    Bun: { serve(options: object): { port: number } };
  };
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request: Request) =>
      new Response(accept(await request.text()), { headers: { "content-type": "application/json" } }),
  }).port;
};

const runner = flame.createRunnerServer({ port: 0, hostname: "127.0.0.1" });
await runner.ready;
const barePort = "Bun" in globalThis ? bareOnBun() : await bareOnNode();
process.stdout.write(`${JSON.stringify({ runner: runner.url, bare: `http://127.0.0.1:${barePort}` })}\n`);
process.stdin.on("end", () => process.exit(0)).resume();
