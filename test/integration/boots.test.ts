/** Boots that take their time, as a pool with real processes sees them. */
import { rmSync, writeFileSync } from "node:fs";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { node, tracing } from "@opentelemetry/sdk-node";
import { expect, onTestFinished, test } from "vitest";
import { processBackend, type ProcessBackend } from "../../src/backends/process.ts";
import type { InvokeError } from "../../src/contract/errors.ts";
import type { PoolChange, PoolConfig } from "../../src/contract/config/options.ts";
import type { Flame } from "../../src/flame.ts";
import { isAlive } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { notes, withRunners } from "./setup.ts";

interface Gate {
  open(): void;
  close(): void;
}

/** Runners that boot while the gate is open, and wait in their boot while it is closed. */
const gated = async (
  pool: PoolConfig,
): Promise<{ readonly flame: Flame; readonly backend: ProcessBackend; readonly gate: Gate }> => {
  const { file } = notes();
  const backend = processBackend({
    entry: new URL("./fixtures/gated-runner.ts", import.meta.url),
    env: { BOOT_GATE: file },
    logs: "ignore",
  });
  const { flame } = await withRunners({ spawnTimeoutMs: 60_000, backend, ...pool });
  return { flame, backend, gate: { open: () => writeFileSync(file, ""), close: () => rmSync(file, { force: true }) } };
};

const recordSpans = (): tracing.InMemorySpanExporter => {
  const exporter = new tracing.InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new node.NodeTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(exporter)] }),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  onTestFinished(() => {
    trace.disable();
    context.disable();
  });
  return exporter;
};

test("boots that nobody needs any more are canceled: no process, no failure, no pause", async () => {
  const exporter = recordSpans();
  const shrunk: Array<PoolChange> = [];
  const { flame, backend, gate } = await gated({ max: 4, onShrink: (change) => shrunk.push(change) });
  gate.open();
  const { pid } = await Probe.whoami();
  gate.close();
  const results = await Promise.all(Array.from({ length: 40 }, (_, index) => Probe.echo(index)));
  expect(results).toEqual(results.map((_, index) => index));
  const booting = backend.running().filter((runner) => runner.pid !== pid);
  expect(booting).toHaveLength(3);
  await waitFor(() => backend.running().length === 1, { what: "the boots to be canceled", timeoutMs: 15_000 });
  expect(booting.filter((runner) => isAlive(runner.pid))).toEqual([]);
  expect(flame.pools["default"]!.stats().runners).toMatchObject({ booting: 0, idle: 1 });
  expect([shrunk[0]?.from, shrunk.at(-1)?.to]).toEqual([4, 1]);
  for (const { reason } of shrunk) expect(reason).toMatch(/no longer needed$/);

  const metrics = await flame.metrics();
  const boots = 'flame_runner_boot_duration_seconds_count{flame_pool_name="default",backend="process"';
  expect(metrics).toContain(`${boots},result="canceled"} 3`);
  expect(metrics).toContain(`${boots},result="error"} 0`);
  expect(metrics).toContain('flame_runner_terminations_total{flame_pool_name="default",reason="canceled"} 3');
  const canceled = exporter
    .getFinishedSpans()
    .filter(({ name, status }) => name === "flame.runner.boot" && status.code === SpanStatusCode.ERROR);
  expect(canceled.map(({ attributes }) => attributes["flame.error.code"])).toEqual(Array(3).fill("canceled"));

  gate.open();
  const done = new AbortController();
  const running = Probe.slow
    .with({ signal: done.signal })(60_000)
    .catch(() => {});
  expect((await Probe.whoami()).pid).not.toBe(pid);
  done.abort();
  await running;
});

test("a boot for a call that has left is canceled", async () => {
  const { backend } = await gated({ max: 1 });
  const leave = new AbortController();
  const call = Probe.whoami
    .with({ signal: leave.signal })()
    .catch((error: InvokeError) => error.code);
  await waitFor(() => backend.running().length === 1, { what: "a boot" });
  leave.abort();
  expect(await call).toBe("canceled");
  await waitFor(() => backend.running().length === 0, { what: "the boot to be canceled" });
});

test("calls that give up again and again before a runner is up get one in the end", async () => {
  const { backend, gate } = await gated({ max: 1 });
  gate.open();
  let served = false;
  await waitFor(
    async () => {
      served = await Probe.echo
        .with({ timeoutMs: 50 })(1)
        .then(
          () => true,
          () => false,
        );
      return served;
    },
    { what: "a runner for calls that have 50 ms", timeoutMs: 30_000, everyMs: 600 },
  );
  expect(backend.running()).toHaveLength(1);
});

test("a call that times out during a boot is told so, and what helps", async () => {
  const { gate } = await gated({ max: 4 });
  gate.close();
  const error: InvokeError = await Probe.whoami
    .with({ timeoutMs: 300 })()
    .then(
      () => expect.unreachable(),
      (thrown: InvokeError) => thrown,
    );
  expect(error).toMatchObject({ code: "timeout", executed: "no", phase: "acquire" });
  expect(error.message).toMatch(
    /A runner has been booting for (29|3\d)\d ms\. Raise the call's timeoutMs, or keep runners ready with min or warm\.$/,
  );
});
