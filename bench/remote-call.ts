/**
 * Compares a complete remote call (signed both ways, sampled, metered) with the bare HTTP of this runtime: undici →
 * node:http on Node, fetch → Bun.serve on Bun. Both take turns within one run, so that noise on the machine affects
 * both; the result is the ratio of their rates.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { cpus } from "node:os";
import { flame } from "firelight";
import { Pool } from "undici";
import { Bench, order } from "./services.ts";
import { median } from "./statistics.ts";
import { traceEverything } from "./telemetry.ts";

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 10);
const sliceMs = Number(process.env["BENCH_SLICE_MS"] ?? 500);
const concurrencies = [1, 16];
const onBun = "Bun" in globalThis;

const startServer = async (secret: string) => {
  const child = spawn(process.execPath, [new URL("./server.ts", import.meta.url).pathname], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, FLAME_MODE: "runner", FLAME_SECRET: secret },
  });
  for await (const line of createInterface({ input: child.stdout })) {
    return { stop: () => child.kill(), urls: JSON.parse(line) as { runner: string; bare: string } };
  }
  throw new Error("the server ended before it was ready");
};

/** A bare request with the same payload. */
const makeBare = (url: string): (() => Promise<unknown>) => {
  const body = JSON.stringify(order);
  const headers = { "content-type": "application/json" };
  if (onBun) return async () => (await fetch(url, { method: "POST", headers, body })).json();
  const pool = new Pool(url, { connections: null, pipelining: 1 });
  return async () => (await pool.request({ path: "/", method: "POST", headers, body })).body.json();
};

/** Measures calls per second over one slice of time. */
const rate = async (call: () => Promise<unknown>, concurrency: number): Promise<number> => {
  const startedAt = performance.now();
  const until = startedAt + sliceMs;
  let done = 0;
  const worker = async () => {
    while (performance.now() < until) {
      await call();
      done++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (done / (performance.now() - startedAt)) * 1000;
};

const secret = "the secret of this benchmark";
const server = await startServer(secret);
const spans = traceEverything();
await flame.configure({
  mode: "parent",
  security: { secret },
  pools: { default: { runners: [{ url: server.urls.runner }], maxConcurrency: 64 } },
});

const bare = makeBare(server.urls.bare);
const whole = () => Bench.accept(order);
const runtime = onBun ? `Bun ${process.versions["bun"]}` : `Node ${process.versions.node}`;
console.log(`${runtime}, ${cpus().length} cores, ${rounds} rounds of ${sliceMs} ms each, medians`);

const rows = [];
for (const concurrency of concurrencies) {
  await rate(bare, concurrency);
  await rate(whole, concurrency);
  const bareRates: Array<number> = [];
  const wholeRates: Array<number> = [];
  const ratios: Array<number> = [];
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0;
    const a = await rate(first ? bare : whole, concurrency);
    const b = await rate(first ? whole : bare, concurrency);
    bareRates.push(first ? a : b);
    wholeRates.push(first ? b : a);
    ratios.push(first ? b / a : a / b);
  }
  rows.push({
    concurrency,
    "bare calls/s": Math.round(median(bareRates)),
    "firelight calls/s": Math.round(median(wholeRates)),
    ratio: Number(median(ratios).toFixed(2)),
  });
}
console.table(rows);

const calls = /rpc_client_call_duration_seconds_count\{[^}]*\} (\d+)/.exec(await flame.metrics())?.[1];
console.log(`${calls} calls metered, ${spans.exported()} spans exported by the parent`);
await flame.shutdown();
server.stop();
process.exit(0);
