import { expect, test } from "vitest";
import type { InvokeError } from "../../src/contract/errors.ts";
import type { PoolChange } from "../../src/contract/config/options.ts";
import { isAlive } from "../harness/start-process.ts";
import { startStopwatch } from "../harness/stopwatch.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { withRunners } from "./setup.ts";

test("idle runners shut down, and the next call boots a new one", async () => {
  const { flame, backend } = await withRunners({ max: 2, idleShutdownMs: 200 });
  const { pid } = await Probe.whoami();
  await waitFor(() => backend.running().length === 0, { what: "the idle runner to end" });
  expect(isAlive(pid)).toBe(false);
  expect(flame.pools["default"]?.stats().runners).toEqual({ booting: 0, idle: 0, busy: 0, draining: 0, ejected: 0 });
  expect((await Probe.whoami()).pid).not.toBe(pid);
});

test("a runner of a singleUse pool serves one call", async () => {
  await withRunners({ max: 2, singleUse: true });
  const pids = new Set<number>();
  for (let i = 0; i < 3; i++) pids.add((await Probe.whoami()).pid);
  expect(pids.size).toBe(3);
});

test("warm runners boot before the first call, and onGrow reports them", async () => {
  const grown: Array<PoolChange> = [];
  const { flame, backend } = await withRunners({ max: 3, warm: 2, onGrow: (change) => grown.push(change) });
  await waitFor(() => backend.running().length === 2, { what: "two warm runners" });
  await waitFor(() => flame.pools["default"]?.stats().runners.idle === 2, {
    what: "two idle runners",
  });
  expect(grown).toEqual([{ pool: "default", from: 0, to: 2, reason: "0 calls running, 0 waiting, 2 spare slots" }]);
  await Probe.whoami();
  expect(await flame.metrics()).toContain('result="acquired",source="warm"} 1');
});

test("logs a hook that throws, and calls still succeed", async () => {
  const logged: Array<string> = [];
  const logger = { info: () => {}, warn: () => {}, error: (message: string) => void logged.push(message) };
  const onGrow = () => {
    throw new Error("from the hook");
  };
  await withRunners({ onGrow, onSaturated: onGrow }, { config: { logger } });
  expect(await Promise.all([Probe.slow(50), Probe.slow(1), Probe.slow(1)])).toEqual([1, 1, 1]);
  expect(logged).toEqual([
    'onGrow of pool "default" threw Error: from the hook; the pool goes on.',
    'onSaturated of pool "default" threw Error: from the hook; the pool goes on.',
  ]);
});

test("pool.update changes limits of a pool in use, and stats explain the pool's size", async () => {
  const { flame } = await withRunners({ max: 1 });
  const pool = flame.pools["default"]!;
  const done = new AbortController();
  const calls = [1, 2, 3].map(() =>
    Probe.slow
      .with({ signal: done.signal })(60_000)
      .catch(() => {}),
  );
  await waitFor(() => pool.stats().runners.busy === 1 && pool.stats().pending === 2, {
    what: "a full pool",
  });
  expect(pool.stats()).toMatchObject({ target: 1, reason: "1 calls running, 2 waiting; max is 1" });
  pool.update({ max: 3 });
  await waitFor(() => pool.stats().runners.busy === 3, { what: "three busy runners" });
  done.abort();
  expect(() => pool.update({ max: 0 })).toThrow(/pools\.default\.max is 0/);
  await Promise.all(calls);
});

test("calls with an affinity key stay on one runner", async () => {
  const { flame } = await withRunners({ min: 3, max: 3, maxConcurrency: 2 });
  await waitFor(() => flame.pools["default"]?.stats().runners.idle === 3, {
    what: "three idle runners",
  });
  for (const key of ["a", "b", "c", "d"]) {
    const pids = new Set<number>();
    for (let i = 0; i < 4; i++) pids.add((await Probe.whoami.with({ affinityKey: key })()).pid);
    expect(pids.size).toBe(1);
  }
});

test("routes a call to the pool that matches its labels, and rejects labels that no pool has", async () => {
  const { flame, backend } = await withRunners({ labels: { gpu: "none" } });
  await flame.configure({ pools: { accelerated: { backend, labels: { gpu: "l4", zone: "a" } } } });
  const { runner } = await Probe.whoami.with({ labels: { gpu: "l4" } })();
  expect(runner).toMatch(/^accelerated-/);
  await expect(Probe.whoami.with({ labels: { gpu: "h100" } })()).rejects.toMatchObject({
    code: "config_error",
    message: expect.stringContaining("gpu=h100"),
  });
});

test("rejects calls with overloaded when the queue is full, and the queue never exceeds maxQueue", async () => {
  const { flame } = await withRunners({ max: 2, maxConcurrency: 2, maxQueue: 8 });
  const pool = flame.pools["default"]!;
  await Promise.all(Array.from({ length: 4 }, () => Probe.slow(10)));
  let rejections = 0;
  let deepest = 0;
  let served = 0;
  const client = async () => {
    while (served < 40) {
      deepest = Math.max(deepest, pool.stats().pending);
      try {
        await Probe.slow(20);
        served++;
      } catch (error) {
        rejections++;
        expect(error).toMatchObject({ code: "overloaded", executed: "no", phase: "acquire" });
        expect((error as InvokeError).retryAfterMs).toBeGreaterThan(0);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  };
  await Promise.all(Array.from({ length: 48 }, client));
  expect(rejections).toBeGreaterThan(20);
  expect(deepest).toBe(8);
});

test("a call that its pool rejects with overloaded stops retrying after maxAttempts", async () => {
  const { flame } = await withRunners({ max: 1, maxQueue: 0 });
  flame.pools["default"]!.update({ maxQueue: 1 });
  await Probe.whoami();
  flame.pools["default"]!.update({ maxQueue: 0 });
  const done = new AbortController();
  const running = Probe.slow
    .with({ signal: done.signal })(60_000)
    .catch(() => {});
  const elapsed = startStopwatch();
  await expect(Probe.whoami.with({ retry: { maxAttempts: 3, baseDelayMs: 20 } })()).rejects.toMatchObject({
    code: "overloaded",
  });
  expect(elapsed()).toBeLessThan(2_000);
  done.abort();
  await running;
});

test("rejects a call that waits longer than maxQueueWaitMs", async () => {
  const { flame } = await withRunners({ min: 1, max: 1, maxQueueWaitMs: 50 });
  await waitFor(() => flame.pools["default"]!.stats().runners.idle === 1, { what: "a runner" });
  const running = Probe.slow(500);
  await expect(Probe.whoami()).rejects.toMatchObject({
    code: "overloaded",
    executed: "no",
    message: expect.stringContaining("maxQueueWaitMs"),
  });
  await running;
});

test.each(["spread", "pack"] as const)("a pool with %s routing shrinks under a trickle of calls", async (routing) => {
  const shrunk: Array<PoolChange> = [];
  const { flame, backend } = await withRunners({
    max: 3,
    maxConcurrency: 2,
    routing,
    idleShutdownMs: 400,
    onShrink: (change) => shrunk.push(change),
  });
  const stats = () => flame.pools["default"]!.stats();
  const done = new AbortController();
  const burst = Array.from({ length: 6 }, () =>
    Probe.slow
      .with({ signal: done.signal })(60_000)
      .catch(() => {}),
  );
  await waitFor(() => stats().runners.busy === 3, { what: "three busy runners" });
  done.abort();
  await Promise.all(burst);
  await waitFor(
    async () => {
      expect(await Probe.echo("one at a time")).toBe("one at a time");
      return backend.running().length === 1;
    },
    { what: "the pool to shrink to one runner under sequential calls", everyMs: 20 },
  );
  expect(shrunk.map(({ from, to }) => [from, to])).toEqual([
    [3, 2],
    [2, 1],
  ]);
});
