/** Slow boots of real runner processes: cancellation, timeouts and what the pool reports. */
import { rmSync, writeFileSync } from "node:fs";
import { SpanStatusCode } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { processBackend, type ProcessBackend } from "../../src/backends/process.ts";
import type { InvokeError } from "../../src/contract/errors.ts";
import type { PoolChange, PoolConfig } from "../../src/contract/config/options.ts";
import type { Flame } from "../../src/flame.ts";
import { isAlive } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { recordSpans } from "./record-spans.ts";
import { notes, withRunners } from "./setup.ts";

interface Gate {
  open(): void;
  close(): void;
}

/** Starts a pool whose runners finish booting only while the gate is open. */
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

test("cancels boots that are no longer needed: kills the process, counts no failure, and does not delay the next boot", async () => {
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
  await waitFor(() => backend.running().length === 1, { what: "the boots to be canceled" });
  expect(booting.filter((runner) => isAlive(runner.pid))).toEqual([]);
  expect(flame.pools["default"]!.stats().runners).toMatchObject({ booting: 0, idle: 1 });
  expect([shrunk[0]?.from, shrunk.at(-1)?.to]).toEqual([4, 1]);
  for (const { reason } of shrunk) expect(reason).toMatch(/(?:is|are) no longer needed$/);

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

test("cancels a boot when the call that caused it is aborted", async () => {
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

test("keeps booting a runner while calls time out and come back, and serves a later one", async () => {
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
    { what: "a call with a 50 ms timeout to be served", everyMs: 600 },
  );
  expect(backend.running()).toHaveLength(1);
});

test("a call that times out during a boot fails with the boot's duration and the options that help", async () => {
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
