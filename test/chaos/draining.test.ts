import { expect, test } from "vitest";
import { startReceiver } from "../otel/otlp-receiver.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Chaos } from "./fixtures/services.ts";
import { books, type Ended, fixed, keepBusy, metric, now, seeded, size, startRunner } from "./setup.ts";

const graceMs = 10_000;

test("a rolling restart under load fails no call, drains each runner within the grace period, and loses no span", async () => {
  const chance = seeded();
  await using receiver = await startReceiver();
  const { env, call, read, allow } = books();
  const telemetry = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: "600000" };
  const runners = await Promise.all(["one", "two", "three"].map((id) => startRunner(id, telemetry)));
  await fixed(runners, { maxConcurrency: 8 });

  const ended: Array<Ended> = [];
  let calls = 0;
  let over = false;
  const load = keepBusy(
    12,
    () => !over,
    async () => {
      const id = `call-${calls++}`;
      ended.push(await call(id, () => Chaos.work(id, chance.whole(1, 60))));
    },
  );

  const servedBy = (id: string, since: number): boolean =>
    ended.slice(since).some(({ value }) => (value as { runner: string } | undefined)?.runner === id);
  const rounds = size({ long: 30, short: 1 });
  for (let turn = 0; turn < rounds * runners.length; turn++) {
    const index = turn % runners.length;
    const runner = runners[index]!;
    await waitFor(() => servedBy(runner.id, 0), { what: `runner ${runner.id} to serve` });
    const drainedAt = now();
    runner.kill("SIGTERM");
    expect(await runner.exited).toEqual({ code: 0, signal: null });
    expect(now() - drainedAt).toBeLessThanOrEqual(allow(graceMs));
    const since = ended.length;
    runners[index] = await startRunner(runner.id, telemetry, Number(new URL(runner.url).port));
    await waitFor(() => servedBy(runner.id, since), {
      what: `the new runner ${runner.id} to serve`,
      timeoutMs: 15_000,
    });
  }
  over = true;
  await load;
  for (const runner of runners) runner.kill("SIGTERM");
  for (const { exited } of runners) expect(await exited).toEqual({ code: 0, signal: null });

  const failed = ended.filter(({ error }) => error !== undefined);
  console.log(`${ended.length} calls over ${rounds * runners.length} drains; ${failed.length} failed`);
  expect(
    failed.map(({ id, error }) => `${id}: ${error!.code}, executed ${error!.executed}: ${error!.message}`),
  ).toEqual([]);
  expect(read()).toMatchObject({ calls: ended.length, missing: [], double: [], untyped: [], repeated: [] });
  expect([...read().executions.values()].filter(({ started, finished }) => started !== 1 || finished !== 1)).toEqual(
    [],
  );
  expect(receiver.spans.filter(({ name }) => name === "chaos/work")).toHaveLength(ended.length);
  expect(await metric("flame_pool_slots_used")).toBe(0);
});

test("a draining runner finishes accepted calls and rejects later ones", async () => {
  const { env, call, read } = books();
  const runner = await startRunner("only", env);
  await fixed([runner], { maxConcurrency: 16 });
  const accepted = Array.from({ length: 8 }, (_, n) => call(`accepted-${n}`, () => Chaos.work(`accepted-${n}`, 500)));
  await waitFor(() => read().executions.size === 8, { what: "all handlers to start" });
  runner.kill("SIGTERM");
  await waitFor(async () => (await fetch(`${runner.url}/ready`)).status === 503, { what: "the drain to start" });
  const late = await call("late", () => Chaos.work("late", 1));
  expect(late.error).toMatchObject({ code: expect.stringMatching(/unavailable|transport_error/), executed: "no" });
  for (const { error } of await Promise.all(accepted)) expect(error).toBeUndefined();
  expect(await runner.exited).toEqual({ code: 0, signal: null });
  expect(read()).toMatchObject({ missing: [], double: [], untyped: [], repeated: [] });
  expect(read().executions.has("late")).toBe(false);
});
