import { expect, test } from "vitest";
import { waitFor } from "../harness/wait-for.ts";
import { Chaos } from "./fixtures/services.ts";
import { books, type Ended, fixed, keepBusy, metric, seeded, size, startRunner } from "./setup.ts";

test("calls to a hung runner time out at their deadline, other calls succeed, and late responses are ignored", async () => {
  const chance = seeded();
  const { env, call, read, allow } = books();
  const runners = await Promise.all(["one", "two", "three"].map((id) => startRunner(id, env)));
  await fixed(runners, { maxConcurrency: 8 });
  await Promise.all(Array.from({ length: 24 }, () => Chaos.where()));

  const timeoutMs = 300;
  const rounds = size({ long: 40, short: 3 });
  const ended: Array<Ended> = [];
  let calls = 0;
  for (let round = 0; round < rounds; round++) {
    const hung = chance.pick(runners);
    const servedByHung = (since: number): boolean =>
      ended.slice(since).some(({ value }) => (value as { runner: string } | undefined)?.runner === hung.id);
    const stoppedFrom = ended.length;
    hung.kill("SIGSTOP");
    let over = false;
    const load = keepBusy(
      6,
      () => !over,
      async () => {
        const id = `call-${calls++}`;
        ended.push(await call(id, () => Chaos.work.with({ timeoutMs })(id, chance.whole(1, 10))));
      },
    );
    try {
      await waitFor(async () => (await metric("flame_pool_runners", { state: "ejected" })) === 1, {
        what: `runner ${hung.id} to be ejected`,
        timeoutMs: 10_000,
      });
      const errors = ended.slice(stoppedFrom).flatMap(({ error }) => error ?? []);
      for (const error of errors) {
        expect(error).toMatchObject({ code: "timeout", executed: "unknown", runnerId: hung.id });
      }
      await waitFor(() => ended.length > stoppedFrom + 100, { what: "the other runners to serve" });
      hung.kill("SIGCONT");
      const resumedFrom = ended.length;
      await waitFor(() => servedByHung(resumedFrom), { what: `runner ${hung.id} to serve again`, timeoutMs: 15_000 });
    } finally {
      over = true;
      await load;
    }
  }

  const failed = ended.filter(({ error }) => error !== undefined);
  const slowest = Math.max(...ended.map(({ startedAt, endedAt }) => endedAt - startedAt));
  console.log(
    `${ended.length} calls, ${failed.length} timed out; the slowest took ${slowest.toFixed(1)} ms of ${timeoutMs} ms`,
  );
  expect(failed.length).toBeGreaterThanOrEqual(rounds);
  expect(slowest).toBeLessThanOrEqual(allow(timeoutMs + 100));
  for (const { error } of failed) expect(error!.code).toBe("timeout");
  expect(read()).toMatchObject({ calls: ended.length, missing: [], double: [], untyped: [], repeated: [] });
  expect(await metric("rpc_client_call_duration_seconds_count", { rpc_method: "chaos/work" })).toBe(ended.length);
  expect(await metric("flame_pool_slots_used")).toBe(0);
});
