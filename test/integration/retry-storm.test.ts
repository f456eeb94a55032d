/** Retries must not make an outage worse: few more attempts than calls while all runners are unavailable, and no failed call while one drains. */
import { describe, expect, test } from "vitest";
import { defineMethod, type FlameOptions, InvokeError } from "../../src/index.ts";
import { waitFor } from "../harness/wait-for.ts";
import { type FlakyRunner, startFlakyRunner } from "./flaky-runner.ts";
import { failureOf, parentOf, startStaticRunner } from "./static-runners.ts";

/** The runners here are plain HTTP servers, which have no links. */
const transport = "http";

const stopping = new InvokeError("unavailable", "Stopping.");

const three = (mood?: InvokeError): Promise<ReadonlyArray<FlakyRunner>> =>
  Promise.all(["a", "b", "c"].map((id) => startFlakyRunner(id, mood)));

const attemptsAt = (runners: ReadonlyArray<FlakyRunner>): number =>
  runners.reduce((sum, { arrivals }) => sum + arrivals.length, 0);

/** Makes `calls` calls, `width` at a time. Returns the count of each outcome. */
const load = async (
  calls: number,
  width: number,
  call: () => Promise<unknown>,
): Promise<ReadonlyMap<string, number>> => {
  const outcomes = new Map<string, number>();
  let left = calls;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const outcome = await call().then(
        () => "ok",
        (error: { code?: string }) => error.code ?? "untyped",
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: width }, one));
  return outcomes;
};

describe("while every runner answers 503", () => {
  test.each([
    ["the default policy", {}],
    ["five attempts with backoff", { retry: { maxAttempts: 5, baseDelayMs: 10, maxDelayMs: 50 } }],
    ["an idempotent method with hedges", { idempotent: true, hedge: { delayMs: 1 } }],
  ] satisfies ReadonlyArray<[string, FlameOptions]>)(
    "%s makes at most 1.2 attempts per call, and calls succeed when the runners recover",
    async (_, options) => {
      const runners = await three(stopping);
      const parent = parentOf(runners, { transport });
      const name = parent.flame.fn("name", async () => "", options);
      const outcomes = await load(500, 10, () => name());
      expect(outcomes).toEqual(new Map([["unavailable", 500]]));
      expect(attemptsAt(runners)).toBeGreaterThanOrEqual(500);
      expect(attemptsAt(runners)).toBeLessThanOrEqual(600);

      const error = await failureOf(name());
      expect(error.executed).toBe("no");
      expect(error.message).toContain('Not retried: the retry budget of pool "default" is used up');
      expect(await parent.sum("flame_client_retries_refused_total", { reason: "budget" })).toBeGreaterThan(400);
      expect(parent.logged("flame.retry.refused").at(-1)!.meta).toMatchObject({
        "flame.retry.refused": "budget",
        "rpc.method": "name/default",
      });

      for (const runner of runners) runner.mood = undefined;
      expect(await load(100, 5, () => name())).toEqual(new Map([["ok", 100]]));
      runners[0]!.mood = stopping;
      expect(await load(30, 5, () => name())).toEqual(new Map([["ok", 30]]));
    },
  );

  test("without a retry budget, every call makes three attempts", async () => {
    const runners = await three(stopping);
    const name = parentOf(runners, { transport, retryBudget: false }).flame.fn("name", async () => "");
    await load(50, 10, () => name());
    expect(attemptsAt(runners)).toBe(150);
  });

  test("retry delays grow exponentially with jitter", async () => {
    const [runner] = await three(stopping);
    const parent = parentOf([runner!], { transport, retryBudget: false });
    const name = parent.flame.fn("name", async () => "", { retry: { maxAttempts: 3, baseDelayMs: 20 } });
    await Promise.all(Array.from({ length: 5 }, () => failureOf(name())));
    const delays = parent.logged("flame.retry.scheduled").map(({ meta }) => meta["flame.retry.delay_ms"] as number);
    const waits = delays.filter((ms) => ms > 0);
    expect(waits).toHaveLength(10);
    expect(new Set(waits).size).toBe(10);
    expect(waits.filter((ms) => ms >= 16 && ms <= 24)).toHaveLength(5);
    expect(waits.filter((ms) => ms >= 32 && ms <= 48)).toHaveLength(5);
  });
});

describe("a handler that fails in 30% of attempts", () => {
  test("is retried as declared by the default budget", async () => {
    let attempts = 0;
    const runner = await startStaticRunner("a", {
      flaky: async () => {
        // Three of ten attempts fail, never two of one call in a row: calls are made one after the other.
        if (attempts++ % 10 < 6 && attempts % 2 === 1) throw new InvokeError("unavailable", "Not now.");
      },
    });
    const parent = parentOf([{ id: "a", url: runner.url }]);
    const work = parent.flame.service("work", { flaky: async () => {} });
    const flaky = work.flaky.with({ retry: { maxAttempts: 3, baseDelayMs: 1 } });
    expect(await load(500, 1, () => flaky())).toEqual(new Map([["ok", 500]]));
    expect(attempts).toBeGreaterThan(600);
    expect(await parent.sum("flame_client_retries_refused_total")).toBe(0);
  });
});

const drainable = async (id: string) => {
  const hold = Promise.withResolvers<void>();
  let held = 0;
  const methods = {
    name: async () => id,
    hold: defineMethod("hold", async () => {
      held++;
      await hold.promise;
    }),
  };
  const runner = await startStaticRunner(id, methods);
  return { id, url: runner.url, runner, methods, letGo: hold.resolve, held: () => held };
};

const draining = async () => {
  const all = await Promise.all(["a", "b", "c"].map(drainable));
  const parent = parentOf(all, { transport });
  const work = parent.flame.service("work", all[0]!.methods);
  const holding = all.map(() => work.hold());
  await waitFor(() => all.every(({ held }) => held() === 1), { what: "every runner to hold a call" });
  const end = async (): Promise<void> => {
    for (const { letGo } of all) letGo();
    await Promise.all(holding);
  };
  return { all, parent, work, end };
};

describe("draining runners", () => {
  test("one of three: no call fails; rejected calls fail over, and the pool stops using the runner", async () => {
    const { all, parent, work, end } = await draining();
    const stopped = all[0]!.runner.stop({ drainTimeoutMs: 100_000 });
    expect(await load(300, 30, () => work.name())).toEqual(new Map([["ok", 300]]));
    const failovers = await parent.sum("flame_client_attempt_duration_seconds_count", { attempt_kind: "retry" });
    expect(failovers).toBeGreaterThan(0);
    expect(failovers).toBeLessThan(60);
    await end();
    await stopped;
  });

  test("all three: new calls make at most 1.2 attempts each, and running calls finish", async () => {
    const { all, parent, work, end } = await draining();
    const stopped = Promise.all(all.map(({ runner }) => runner.stop({ drainTimeoutMs: 100_000 })));
    const outcomes = await load(300, 10, () => work.name());
    expect(outcomes).toEqual(new Map([["unavailable", 300]]));
    const attempts = await parent.sum("flame_client_attempt_duration_seconds_count", { rpc_method: "work/name" });
    expect(attempts).toBeGreaterThanOrEqual(300);
    expect(attempts).toBeLessThanOrEqual(360);
    await end();
    await stopped;
  });
});

test("retries on the only runner after its retryAfterMs when it is overloaded", async () => {
  const [runner] = await three(new InvokeError("overloaded", "Full.", { retryAfterMs: 60 }));
  const name = parentOf([runner!], { transport }).flame.fn("name", async () => "");
  const failed = await failureOf(name());
  expect(failed).toMatchObject({ code: "overloaded", retryAfterMs: 60 });
  const [first, second, third] = runner!.arrivals;
  expect(second! - first!).toBeGreaterThanOrEqual(59);
  expect(third! - second!).toBeGreaterThanOrEqual(59);
  expect(runner!.arrivals).toHaveLength(3);
});
