import { expect, test } from "vitest";
import { waitFor } from "../harness/wait-for.ts";
import { Chaos } from "./fixtures/services.ts";
import { type Books, books, fixed, now, quantile, size, startRunner } from "./setup.ts";

/** Starts three runners, each of which calls the next. */
const startChain = async ({ env }: Books): Promise<void> => {
  const last = await startRunner("last", env);
  const middle = await startRunner("middle", { ...env, CHAOS_NEXT: `${last.id} ${last.url}` });
  const first = await startRunner("first", { ...env, CHAOS_NEXT: `${middle.id} ${middle.url}` });
  await fixed([first], { maxConcurrency: 64 });
  await Chaos.chain("warm-up", 2, 0);
};

/** Timeouts are sent as whole milliseconds, rounded up by the sender, and clocks have whole milliseconds. */
const roundingMs = 2;

test("no nested call has a later deadline than its caller", async () => {
  const records = books();
  await startChain(records);
  const rounds = size({ long: 2_000, short: 100 });
  for (let round = 0; round < rounds; round++) {
    const timeoutMs = 1_000 + round;
    const hops = await Chaos.chain.with({ timeoutMs })(`call-${round}`, 2, 0);
    expect(hops).toHaveLength(3);
    let leftMs = timeoutMs;
    for (const hop of hops) {
      expect(hop.leftMs).toBeLessThanOrEqual(leftMs + roundingMs);
      leftMs = hop.leftAtCallMs;
    }
  }
});

test("a deadline aborts every handler of a three-hop chain within 100 ms", async () => {
  const records = books();
  await startChain(records);
  const rounds = size({ long: 200, short: 12 });
  const timeoutMs = 250;
  const expiredAt = new Map<string, number>();
  const calls = Array.from({ length: rounds }, async (_, round) => {
    const id = `call-${round}`;
    expiredAt.set(id, now() + timeoutMs);
    return records.call(id, () => Chaos.chain.with({ timeoutMs })(id, 2, 60_000));
  });
  for (const { error, startedAt, endedAt } of await Promise.all(calls)) {
    expect(error).toMatchObject({ code: "timeout" });
    expect(endedAt - startedAt).toBeLessThanOrEqual(records.allow(timeoutMs + 100));
  }
  const keys = new Set([...records.noted("began").keys()].filter((key) => key.startsWith("call-")));
  expect(keys.size).toBe(rounds * 3);
  await waitFor(() => [...keys].every((key) => records.noted("over").has(key)), { what: "every handler to end" });
  const lags = [...keys].map((key) => records.noted("over").get(key)! - expiredAt.get(key.split("/")[0]!)!);
  console.log(
    `handlers ended between ${Math.min(...lags).toFixed(1)} ms and ${Math.max(...lags).toFixed(1)} ms after the deadline`,
  );
  expect(quantile(lags, 1)).toBeLessThanOrEqual(records.allow(100));
  expect(records.read()).toMatchObject({ calls: rounds, missing: [], double: [], untyped: [] });
});

test("a call with timeoutMs: 1 fails with timeout within 100 ms, over one to three hops", async () => {
  const records = books();
  await startChain(records);
  const rounds = size({ long: 5_000, short: 200 });
  for (let round = 0; round < rounds; round++) {
    const hops = round % 3;
    const { error, startedAt, endedAt } = await records.call(`call-${round}`, () =>
      Chaos.chain.with({ timeoutMs: 1 })(`call-${round}`, hops, 60_000),
    );
    expect(error).toMatchObject({
      code: "timeout",
      phase: expect.stringMatching(/acquire|network|runner_queue|handler/),
    });
    expect(endedAt - startedAt).toBeLessThanOrEqual(records.allow(101));
  }
  const began = [...records.noted("began").keys()].filter((key) => key.startsWith("call-"));
  await waitFor(() => began.every((key) => records.noted("over").has(key)), {
    what: "every started handler to end",
  });
  expect(records.read()).toMatchObject({
    calls: rounds,
    missing: [],
    double: [],
    untyped: [],
    outcomes: new Map([["timeout", rounds]]),
  });
});
