/**
 * The runner side of `floor.ts`: the same response from plain `node:http`, and from Elysia as Firelight's runner uses
 * it.
 */
import { createServer, type RequestListener } from "node:http";
import { type Span, SpanKind, trace } from "@opentelemetry/api";
import { Elysia } from "elysia";
import { FastResponse, toNodeHandler } from "srvx/node";
import { has, sign, startSpan, type Step, verify } from "./floor-wire.ts";
import type { Order } from "./services.ts";
import { traceEverything } from "./telemetry.ts";

interface Received {
  readonly step: Step;
  readonly head: string;
  readonly signature: string;
  readonly body: string;
}

const accept = (body: string): string => {
  const order = JSON.parse(body) as Order;
  return JSON.stringify({ accepted: order.id, lines: order.items.length });
};

const remoteParent = (head: string): Span => {
  const [, traceId = "", spanId = ""] = head.split(" ", 3)[2].split("-");
  return trace.wrapSpanContext({ traceId, spanId, traceFlags: 1, isRemote: true });
};

const acceptInSpans = (head: string, body: string): string => {
  const server = startSpan(
    "bench/accept",
    SpanKind.SERVER,
    {
      "rpc.system.name": "flame",
      "rpc.method": "bench/accept",
      "flame.pool.name": "default",
      "flame.runner.id": "runner-1",
      "flame.invocation.id": "0190a0f0-0000-7000-8000-000000000000",
      "flame.attempt.number": 1,
      "flame.cold_start": false,
      "flame.clock.offset_ms": 0.1,
    },
    remoteParent(head),
  );
  const attributes = { "rpc.method": "bench/accept", "flame.request.body.size": body.length };
  const handler = startSpan("flame.handler", SpanKind.INTERNAL, attributes, server);
  const text = accept(body);
  handler.setAttribute("flame.response.body.size", text.length).end();
  server.setAttribute("rpc.status_code", "OK").end();
  return text;
};

const answer = ({ step, head, signature, body }: Received) => {
  if (has(step, "signed")) verify(head, body, signature);
  const text = has(step, "traced") ? acceptInSpans(head, body) : accept(body);
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (has(step, "signed")) {
    headers["x-head"] = head;
    headers["x-signature"] = sign(head, text);
  }
  return { headers, text };
};

const plain: RequestListener = (request, response) => {
  const chunks: Array<Buffer> = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { headers, text } = answer({
      step: request.headers["x-step"] as Step,
      head: request.headers["x-head"] as string,
      signature: request.headers["x-signature"] as string,
      body: Buffer.concat(chunks).toString(),
    });
    response.writeHead(200, headers);
    response.end(text);
  });
};

const elysia = new Elysia({ handler: { standardHostname: false } }).post(
  "/",
  async ({ request }) => {
    const { headers, text } = answer({
      step: request.headers.get("x-step") as Step,
      head: request.headers.get("x-head") ?? "",
      signature: request.headers.get("x-signature") ?? "",
      body: await request.text(),
    });
    return new FastResponse(text, { status: 200, headers });
  },
  { parse: "none" },
);

const listen = (listener: RequestListener): Promise<string> =>
  new Promise((resolve) => {
    const server = createServer(listener);
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as { port: number }).port}`));
  });

traceEverything();
const urls = { plain: await listen(plain), elysia: await listen(toNodeHandler(elysia.fetch) as RequestListener) };
process.stdout.write(`${JSON.stringify(urls)}\n`);
process.stdin.on("end", () => process.exit(0)).resume();
