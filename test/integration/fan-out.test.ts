/** Maps, jobs and detached calls over real runner processes. */
import { Effect, Fiber } from "effect";
import { expect, test } from "vitest";
import { Scrape } from "../../examples/shared/prometheus-text.ts";
import { isAlive } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { notes, sharedRunners, withRunners } from "./setup.ts";

const count = (lines: ReadonlyArray<string>, word: string): number =>
  lines.filter((line) => line.startsWith(word)).length;

const slotsUsed = async (flame: { metrics(): Promise<string> }): Promise<number | undefined> =>
  new Scrape(await flame.metrics()).samples("flame_pool_slots_used")[0]?.value;

function* naturals(most: number, taken: { count: number }): Generator<number> {
  for (let n = 0; n < most; n++) {
    taken.count++;
    yield n;
  }
}

test("map yields 2,000 results in order, with at most as many calls in flight as slots", async () => {
  const { flame } = await withRunners({ max: 2, maxConcurrency: 4 });
  const taken = { count: 0 };
  let seen = 0;
  for await (const result of Probe.echo.map(naturals(2_000, taken))) {
    expect(result).toBe(seen++);
    expect(taken.count).toBeLessThanOrEqual(seen + 8);
  }
  expect([seen, taken.count]).toEqual([2_000, 2_000]);
  expect(await slotsUsed(flame)).toBe(0);
});

test("map spreads its calls over runners", async () => {
  await withRunners({ max: 2, maxConcurrency: 2 });
  const { file } = notes();
  const pids = await Probe.meet.map(Array.from({ length: 4 }, () => ({ ledger: file, count: 4 })));
  expect(new Set(pids).size).toBe(2);
});

test("map aborts the remaining handlers after the first failure", async () => {
  const { flame } = await withRunners({ max: 1, maxConcurrency: 4 });
  const { file, lines } = notes();
  const taken = { count: 0 };
  function* items() {
    for (const n of naturals(1_000, taken)) yield { ms: 60_000, ledger: file, failWhen: n === 3 ? 4 : undefined };
  }
  const failed = await Promise.allSettled([Probe.noted.map(items())]);
  expect(failed).toMatchObject([{ status: "rejected", reason: { code: "remote_error", index: 3 } }]);
  expect(taken.count).toBe(4);
  await waitFor(() => count(lines(), "aborted") === 3, { what: "the other handlers to be aborted" });
  await waitFor(async () => (await slotsUsed(flame)) === 0, { what: "free slots" });
});

test("a job runs under the id of its handle", async () => {
  await sharedRunners({ max: 1 });
  const { file, lines } = notes();
  const job = Probe.slow.spawn(50, file);
  expect(job.status()).toBe("pending");
  await waitFor(() => job.status() === "running", { what: "the job to run" });
  expect(await job.result()).toBe(1);
  expect(job.status()).toBe("done");
  expect(lines()).toEqual([`start ${job.id} 1`, `end ${job.id} 1`]);
});

test("cancel aborts the handler of a running job and removes a queued one", async () => {
  await sharedRunners({ max: 1 });
  const { file, lines } = notes();
  const running = Probe.slow.spawn(60_000, file);
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  const waiting = Probe.slow.spawn(60_000, file);
  expect(waiting.status()).toBe("pending");
  waiting.cancel();
  await expect(waiting.result()).rejects.toMatchObject({ code: "canceled", executed: "no" });
  running.cancel();
  await expect(running.result()).rejects.toMatchObject({ code: "canceled" });
  await waitFor(() => count(lines(), "aborted") === 1, { what: "the handler to be aborted" });
  expect(await Probe.add(1, 2)).toBe(3);
  expect(count(lines(), "start")).toBe(1);
});

test("shutdown lets running jobs finish and fails queued ones", async () => {
  const { flame } = await withRunners({ max: 1 });
  const { file, lines } = notes();
  const running = Probe.slow.spawn(300, file);
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  const waiting = Probe.slow.spawn(1, file);
  await flame.shutdown();
  expect([running.status(), waiting.status()]).toEqual(["done", "failed"]);
  expect(count(lines(), "end")).toBe(1);
});

test("a canceled detached call runs to its end on the runner and holds its slot until then", async () => {
  const { flame } = await sharedRunners({ max: 1 });
  const { file, lines } = notes();
  const job = Probe.slow.with({ detached: true }).spawn(4_000, file);
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  job.cancel();
  await expect(job.result()).rejects.toMatchObject({ code: "canceled", executed: "unknown" });
  expect(count(lines(), "end")).toBe(0);
  expect(await slotsUsed(flame)).toBe(1);
  expect(await Probe.add(1, 2)).toBe(3);
  expect(lines()).toEqual([`start ${job.id} 1`, `end ${job.id} 1`]);
  expect(await slotsUsed(flame)).toBe(0);
});

test("an interrupted detached call still times out at its deadline and then frees its slot", async () => {
  const { flame } = await sharedRunners({ max: 1 });
  await Probe.whoami();
  const { file, lines } = notes();
  const slow = flame.toEffect(Probe.slow).with({ detached: true, timeoutMs: 400 });
  const fiber = Effect.runFork(slow(60_000, file));
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  await Effect.runPromise(Fiber.interrupt(fiber));
  expect(await slotsUsed(flame)).toBe(1);
  await waitFor(async () => (await slotsUsed(flame)) === 0, { what: "a free slot" });
  await waitFor(() => count(lines(), "aborted") === 1, { what: "the handler to be aborted" });
});

test("a canceled detached call frees its slot when its runner dies", async () => {
  const { flame } = await withRunners({ max: 1 });
  const { pid } = await Probe.whoami();
  const { file, lines } = notes();
  const job = Probe.slow.with({ detached: true, retry: { maxAttempts: 3, baseDelayMs: 1 } }).spawn(60_000, file);
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  job.cancel();
  process.kill(pid, "SIGKILL");
  await waitFor(async () => (await slotsUsed(flame)) === 0, { what: "a free slot" });
  expect((await Probe.whoami()).pid).not.toBe(pid);
  expect(lines()).toHaveLength(1);
});

test("shutdown waits for a canceled detached call to finish", async () => {
  const { flame, backend } = await withRunners({ max: 1 });
  const { file, lines } = notes();
  const job = Probe.slow.with({ detached: true }).spawn(400, file);
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  const [runner] = backend.running();
  job.cancel();
  await flame.shutdown();
  expect(count(lines(), "end")).toBe(1);
  expect(isAlive(runner!.pid)).toBe(false);
});
