/**
 * Measures the cost of each part of a call without Firelight, on Node: the bare call of `remote-call.ts`, then with
 * signatures both ways, the spans of both sides, the parent's metrics, and Elysia as the server. No pool, deadline,
 * retry, error handling or codec: an upper bound for any implementation with these libraries. All steps take turns
 * within one run.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type Attributes, SpanKind } from "@opentelemetry/api";
import { metrics, type MetricSpec } from "firelight/catalog";
import { Counter, Histogram, Registry } from "prom-client";
import { Pool } from "undici";
import { has, sign, startSpan, type Step, steps, verify } from "./floor-wire.ts";
import { order } from "./services.ts";
import { median } from "./statistics.ts";
import { traceEverything } from "./telemetry.ts";

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 10);
const sliceMs = Number(process.env["BENCH_SLICE_MS"] ?? 500);
const phases = ["acquire", "encode", "network", "runner_queue", "handler", "decode"] as const;

const startServer = async () => {
  const child = spawn(process.execPath, [new URL("./floor-server.ts", import.meta.url).pathname], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const urls = JSON.parse(line) as { plain: string; elysia: string };
    return { stop: () => child.kill(), urls };
  }
  throw new Error("the server ended before it was ready");
};

const registers = [new Registry()];
const histogram = ({ name, description, labels, buckets = [] }: MetricSpec) =>
  new Histogram({ name, help: description, labelNames: [...labels], buckets: [...buckets], registers });
const call = histogram(metrics.callDuration);
const attempt = histogram(metrics.attemptDuration);
const phaseDuration = histogram(metrics.phaseDuration);
const acquire = histogram(metrics.acquireDuration);
const lease = histogram(metrics.leaseDuration);
const clockOffset = histogram(metrics.clockOffset);
const { name, labels, description } = metrics.telemetrySpans;
const reported = new Counter({ name, help: description, labelNames: [...labels], registers });

const method = { rpc_method: "bench/accept", flame_pool_name: "default" };
const pool = { flame_pool_name: "default" };

const meter = (seconds: number): void => {
  call.observe({ ...method, rpc_system_name: "flame", rpc_status_code: "OK", error_type: "" }, seconds);
  attempt.observe({ ...method, rpc_status_code: "OK", attempt_kind: "first" }, seconds);
  for (const phase of phases) phaseDuration.observe({ ...method, phase }, seconds);
  acquire.observe({ ...pool, result: "acquired", source: "warm" }, seconds);
  lease.observe(pool, seconds);
  clockOffset.observe(pool, seconds);
  reported.inc({ ...pool, outcome: "reported" }, 2);
};

const startCallSpan = () =>
  startSpan("bench/accept", SpanKind.CLIENT, {
    "rpc.system.name": "flame",
    "rpc.method": "bench/accept",
    "flame.pool.name": "default",
    "flame.invocation.id": "0190a0f0-0000-7000-8000-000000000000",
    "flame.deadline_ms": 30_000,
  });

const attemptAttributes = (bytes: number): Attributes => ({
  "rpc.method": "bench/accept",
  "flame.pool.name": "default",
  "flame.attempt.number": 1,
  "flame.attempt.kind": "first",
  "flame.runner.id": "runner-1",
  "server.address": "127.0.0.1",
  "server.port": 1,
  "flame.request.body.size": bytes,
});

const outcome: Attributes = {
  "rpc.status_code": "OK",
  "flame.attempt.count": 1,
  "flame.cold_start": false,
  "flame.acquire.source": "warm",
  ...Object.fromEntries([...phases, "other"].map((phase) => [`flame.phase.${phase}_ms`, 0.1])),
};

const { urls, stop } = await startServer();
traceEverything();
const pools = {
  plain: new Pool(urls.plain, { connections: null, pipelining: 1 }),
  elysia: new Pool(urls.elysia, { connections: null, pipelining: 1 }),
};

const one = async (step: Step): Promise<unknown> => {
  const startedAt = performance.now();
  const body = JSON.stringify(order);
  const signed = has(step, "signed");
  const callSpan = has(step, "traced") ? startCallSpan() : undefined;
  const attemptSpan = callSpan && startSpan("flame.attempt", SpanKind.CLIENT, attemptAttributes(body.length), callSpan);
  const context = attemptSpan?.spanContext();
  const head = `1 bench/accept 00-${context?.traceId}-${context?.spanId}-01 0190a0f0-0000-7000-8000-000000000000 1 runner-1 key-1 1763820000000 abcdefghijklmnopqrstuv 30000`;
  const answer = await pools[has(step, "elysia") ? "elysia" : "plain"].request({
    path: "/",
    method: "POST",
    headers: signed ? { "x-step": step, "x-head": head, "x-signature": sign(head, body) } : { "x-step": step },
    body,
  });
  const text = await answer.body.text();
  if (signed) verify(answer.headers["x-head"] as string, text, answer.headers["x-signature"] as string);
  const result: unknown = JSON.parse(text);
  attemptSpan?.setAttributes({ "rpc.status_code": "OK", "flame.response.body.size": text.length }).end();
  callSpan?.setAttributes(outcome).end();
  if (has(step, "metered")) meter((performance.now() - startedAt) / 1000);
  return result;
};

const rate = async (step: Step, concurrency: number): Promise<number> => {
  const startedAt = performance.now();
  const until = startedAt + sliceMs;
  let done = 0;
  const worker = async () => {
    while (performance.now() < until) {
      await one(step);
      done++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (done / (performance.now() - startedAt)) * 1000;
};

console.log(`Node ${process.versions.node}, ${rounds} rounds of ${sliceMs} ms each, medians`);
for (const concurrency of [1, 16]) {
  const rates = new Map<Step, Array<number>>(steps.map((step) => [step, []]));
  for (const step of steps) await rate(step, concurrency);
  for (let round = 0; round < rounds; round++)
    for (const step of steps) rates.get(step)!.push(await rate(step, concurrency));
  const bare = rates.get("bare")!;
  console.table(
    steps.map((step) => ({
      concurrency,
      step: step === "bare" ? step : `+ ${step}`,
      "calls/s": Math.round(median(rates.get(step)!)),
      ratio: Number(median(rates.get(step)!.map((value, round) => value / bare[round])).toFixed(2)),
    })),
  );
}
stop();
process.exit(0);
