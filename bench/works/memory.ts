/**
 * What a waiting call and an idle runner cost a parent, in bytes of its heap and of its buffers. The runners live in
 * another process. Everything on. Run with `--expose-gc` on Node. Prints JSON.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { createFlame } from "../../dist/index.js";
import { startTracing } from "../harness/sdk.ts";

/** Bytes in the parent. */
export interface MemoryCost {
  readonly waitingCallBytes: number;
  readonly idleRunnerBytes: number;
}

const waitingCalls = 20_000;
const idleRunners = 100;
/** Longer than HTTP connections stay open without a request. */
const idleMs = 6_000;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const security = { secret: "the secret of this benchmark" };

const serve = async (): Promise<void> => {
  const urls: Array<string> = [];
  for (let count = 0; count < idleRunners; count++) {
    const flame = createFlame({ mode: "runner", security, telemetry: { metrics: false } });
    flame.service("bench", { ping: async () => "pong", hang: () => new Promise<never>(() => {}) });
    const server = flame.createRunnerServer({ port: 0, hostname: "127.0.0.1" });
    await server.ready;
    urls.push(server.url);
  }
  console.log(JSON.stringify(urls));
  process.stdin.on("end", () => process.exit(0)).resume();
};

const collect = (globalThis as { Bun?: { gc(force: boolean): void } }).Bun?.gc ?? globalThis.gc;

/** Memory in use after a full collection, once two readings agree. */
const usedBytes = async (): Promise<number> => {
  for (let previous = Infinity; ;) {
    await pause(100);
    for (let count = 0; count < 3; count++) collect?.(true);
    const { heapUsed, external } = process.memoryUsage();
    const used = heapUsed + external;
    if (Math.abs(used - previous) < 50_000) return used;
    previous = used;
  }
};

const startServer = async (): Promise<{ readonly urls: ReadonlyArray<string>; readonly stop: () => void }> => {
  const child = spawn(process.execPath, [import.meta.filename, "serve"], { stdio: ["pipe", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout }))
    return { urls: JSON.parse(line) as ReadonlyArray<string>, stop: () => child.kill("SIGKILL") };
  throw new Error("The process of the runners ended.");
};

const measure = async (): Promise<void> => {
  const server = await startServer();
  startTracing();
  const make = (urls: ReadonlyArray<string>) => {
    const runners = urls.map((url) => ({ url }));
    const pool = { runners, maxConcurrency: 1, maxQueue: waitingCalls * 2, retryBudget: false } as const;
    const pools = { default: pool };
    const flame = createFlame({ mode: "parent", security, logger: silent, requestTimeoutMs: 600_000, pools });
    return flame.service("bench", { ping: async () => "pong", hang: () => new Promise<never>(() => {}) });
  };

  /** Calls every runner, and returns the memory in use once their connections are closed. */
  const usedWithAll = async (): Promise<number> => {
    const all = make(server.urls);
    for (let turn = 0; turn < 3; turn++) await Promise.all(server.urls.map(() => all.ping()));
    await pause(idleMs);
    return usedBytes();
  };
  // The first one pays for what is loaded and compiled once.
  const beforeRunners = await usedWithAll();
  const idleRunnerBytes = ((await usedWithAll()) - beforeRunners) / idleRunners;

  const few = make(server.urls.slice(0, 1));
  await few.ping();
  void few.hang();
  for (let call = 0; call < 100; call++) void few.ping();
  const beforeCalls = await usedBytes();
  for (let call = 0; call < waitingCalls; call++) void few.ping();
  const waitingCallBytes = ((await usedBytes()) - beforeCalls) / waitingCalls;

  const cost: MemoryCost = { waitingCallBytes, idleRunnerBytes };
  console.log(JSON.stringify(cost));
  server.stop();
  process.exit(0);
};

await (process.argv[2] === "serve" ? serve() : measure());
