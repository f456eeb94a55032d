import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { waitFor } from "../harness/wait-for.ts";
import { Chaos } from "./fixtures/services.ts";
import { books, elastic, type Ended, keepBusy, metric, now, seeded, size } from "./setup.ts";

test("calls of a killed runner fail within a second, all others succeed, and the pool restores min", async () => {
  const chance = seeded();
  const { env, call, read, allow } = books();
  const backend = await elastic({ min: 3, max: 3, maxConcurrency: 4 }, env);
  const ready = async (): Promise<boolean> => (await metric("flame_pool_slots_provisioned")) === 12;
  await waitFor(ready, { what: "three runners", timeoutMs: 30_000 });

  const kills = size({ long: 60, short: 8 });
  const everyMs = size({ long: 2_000, short: 500 });
  const killedAt = new Map<string, number>();
  const served = new Set<string>();
  const ended: Array<Ended> = [];
  let over = false;

  const kill = async (): Promise<void> => {
    for (let count = 0; count < kills; count++) {
      const settled = sleep(everyMs);
      const victims = (): ReadonlyArray<{ id: string; pid: number }> =>
        backend.running().filter(({ id }) => served.has(id) && !killedAt.has(id));
      await waitFor(() => victims().length >= 2, { what: "two runners that have served calls", timeoutMs: 30_000 });
      const { id, pid } = chance.pick(victims());
      killedAt.set(id, now());
      process.kill(pid, "SIGKILL");
      await settled;
    }
    over = true;
  };

  const killing = kill();
  let turns = 0;
  await keepBusy(
    20,
    () => !over,
    async () => {
      const id = `call-${turns++}`;
      const end = await call(id, () => Chaos.work.with({ timeoutMs: 30_000 })(id, chance.whole(5, 60)));
      ended.push(end);
      if (end.error === undefined) served.add((end.value as { runner: string }).runner);
    },
  );
  await killing;

  const failed = ended.filter(({ error }) => error !== undefined);
  const lags = failed.map(({ endedAt, error }) => endedAt - killedAt.get(error!.runnerId!)!);
  console.log(
    `${ended.length} calls, ${failed.length} died with their runner; they ended ${Math.max(...lags).toFixed(1)} ms after it at most`,
  );
  expect(failed.length).toBeGreaterThan(0);
  for (const { error } of failed) expect(error).toMatchObject({ code: "transport_error", executed: "unknown" });
  for (const lag of lags) expect(lag).toBeLessThanOrEqual(allow(1_000));
  expect(read()).toMatchObject({ missing: [], double: [], untyped: [], repeated: [] });
  await waitFor(ready, { what: "min to be restored", timeoutMs: 30_000 });
  expect(await metric("flame_runner_terminations_total", { reason: "crash" })).toBe(kills);
  expect(await metric("flame_pool_slots_used")).toBe(0);
});

test("calls that are queued for a killed runner succeed on another one", async () => {
  const { env, call, read } = books();
  const backend = await elastic({ max: 1, maxConcurrency: 1 }, env);
  await Chaos.where();
  const rounds = size({ long: 50, short: 3 });
  for (let round = 0; round < rounds; round++) {
    const [runner] = backend.running();
    const running = call(`running-${round}`, () => Chaos.work(`running-${round}`, 60_000));
    await waitFor(() => read().executions.has(`running-${round}`), { what: "the handler to start" });
    const waiting = Array.from({ length: 5 }, (_, n) =>
      call(`waiting-${round}-${n}`, () => Chaos.work(`waiting-${round}-${n}`, 1)),
    );
    process.kill(runner!.pid, "SIGKILL");
    expect((await running).error).toMatchObject({ code: "transport_error", executed: "unknown" });
    for (const { error } of await Promise.all(waiting)) expect(error).toBeUndefined();
  }
  expect(read()).toMatchObject({ missing: [], double: [], untyped: [], repeated: [] });
});
