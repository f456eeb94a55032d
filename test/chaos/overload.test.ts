import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { flame } from "../../src/index.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Chaos } from "./fixtures/services.ts";
import { books, elastic, type Ended, keepBusy, metric, now, quantile, size } from "./setup.ts";
import { type Gap, starvedWithin, watchStarvation } from "./cpu-starvation.ts";

const slots = 16;
const maxQueue = 16;
/** Handlers wait instead of computing, so that slots are the capacity and not the CPUs of this machine. */
const handlerMs = 200;
/** Time until a change of the load is visible in the calls that end. */
const settleMs = 2 * handlerMs;
const windowMs = 6 * handlerMs;
/** Maximum number of calls per turn. After a pause of this process, overdue calls spread over the next turns. */
const burst = 4;

test("at four times its capacity, a pool keeps at least 80% of its peak throughput and rejects the rest within 10 ms", async () => {
  const { env, call, read } = books();
  const gaps: Array<Gap> = [];
  onTestFinished(watchStarvation((gap) => gaps.push(gap), 1));
  await elastic({ min: 2, max: 2, maxConcurrency: slots / 2, maxQueue }, env);
  const pool = flame.pools["default"]!;
  await waitFor(() => pool.stats().runners.idle === 2, { what: "two runners" });

  let calls = 0;
  let deepest = 0;
  const callOnce = (): Promise<Ended> => {
    const id = `call-${calls++}`;
    const ended = call(id, () => Chaos.work(id, handlerMs));
    deepest = Math.max(deepest, pool.stats().pending);
    return ended;
  };
  /** Successful calls per second in the measurement window of `load`. */
  const measure = async (load: (until: number) => Promise<ReadonlyArray<Ended>>): Promise<number> => {
    const from = now() + settleMs;
    const ended = await load(from + windowMs);
    const served = ended.filter(
      ({ error, endedAt }) => error === undefined && endedAt > from && endedAt <= from + windowMs,
    );
    return served.length / (windowMs / 1_000);
  };

  /** Keeps every slot in use without rejections. */
  const peakLoad = async (until: number): Promise<ReadonlyArray<Ended>> => {
    const all: Array<Ended> = [];
    await keepBusy(
      slots + maxQueue / 2,
      () => now() < until,
      async () => all.push(await callOnce()),
    );
    expect(all.flatMap(({ error }) => error ?? [])).toEqual([]);
    return all;
  };
  const refusals: Array<Ended> = [];
  let offered = 0;
  /** Makes calls at a fixed rate, regardless of their outcomes. */
  const overload =
    (perSecond: number) =>
    async (until: number): Promise<ReadonlyArray<Ended>> => {
      const startedAt = now();
      const under: Array<Promise<Ended>> = [];
      while (now() < until) {
        const due = Math.floor(((now() - startedAt) / 1_000) * perSecond);
        for (let n = 0; n < burst && under.length < due; n++) under.push(callOnce());
        await sleep(1);
      }
      const all = await Promise.all(under);
      offered += all.length;
      refusals.push(...all.filter(({ error }) => error !== undefined));
      return all;
    };

  const peaks: Array<number> = [];
  const goodputs: Array<number> = [];
  for (let round = 0; round < size({ long: 30, short: 3 }); round++) {
    const peak = await measure(peakLoad);
    peaks.push(peak);
    goodputs.push(await measure(overload(4 * peak)));
  }

  const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0);
  const ratio = sum(goodputs) / sum(peaks);
  const refusedMs = refusals.map(
    ({ startedAt, endedAt }) => endedAt - startedAt - starvedWithin(gaps, startedAt, endedAt),
  );
  console.log(
    `peaks ${peaks.map(Math.round).join(", ")}/s, goodput ${goodputs.map(Math.round).join(", ")}/s, ${(100 * ratio).toFixed(1)}%; ` +
      `${refusals.length} of ${offered} rejected, after ${quantile(refusedMs, 0.5).toFixed(2)} ms, p99 ${quantile(refusedMs, 0.99).toFixed(2)} ms; ` +
      `at most ${deepest} queued; the longest gap was ${Math.max(0, ...gaps.map(({ starvedMs }) => starvedMs)).toFixed(0)} ms`,
  );
  expect(ratio).toBeGreaterThanOrEqual(0.8);
  expect(deepest).toBe(maxQueue);
  expect(refusals.length).toBeGreaterThan(offered / 2);
  expect(quantile(refusedMs, 0.99)).toBeLessThan(10);
  for (const { error } of refusals) {
    expect(error).toMatchObject({ code: "overloaded", executed: "no", phase: "acquire" });
    expect(error!.retryAfterMs).toBeGreaterThan(0);
  }
  expect(read()).toMatchObject({ calls, missing: [], double: [], untyped: [], repeated: [] });
  expect(await metric("flame_pool_slots_used")).toBe(0);
  expect(await metric("flame_pool_pending_requests")).toBe(0);
});
