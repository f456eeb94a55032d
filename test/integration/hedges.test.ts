/** Attempts that end early, and attempts at the same time, on real sockets. */
import { describe, expect, onTestFinished, test } from "vitest";
import type { Labels } from "../../examples/shared/prometheus-text.ts";
import type { FlameOptions, InvocationContext, PoolConfig } from "../../src/index.ts";
import { defineMethod, FlameMethodError } from "../../src/index.ts";
import { waitFor } from "../harness/wait-for.ts";
import { forget, record } from "../telemetry/recorded-spans.ts";
import { failureOf, parentOf, startStaticRunner } from "./static-runners.ts";

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));

type Behavior = (ctx: InvocationContext) => Promise<string>;

/** Answers with the runner's id, hangs, or fails. */
const behaviors = {
  answers: async () => "answered",
  hangs: (ctx) => untilAborted(ctx.signal),
  crashes: async () => {
    throw new Error("crashed");
  },
  declines: async () => {
    throw new FlameMethodError("declined", "No.");
  },
} satisfies Record<string, Behavior>;

/** One runner per behavior; the first call goes to the first one. */
const setUp = async (kinds: ReadonlyArray<keyof typeof behaviors>, options: FlameOptions, pool: PoolConfig = {}) => {
  const started: Array<string> = [];
  const aborted: Array<string> = [];
  const runners = await Promise.all(
    kinds.map(async (kind, index) => {
      const id = `${index}-${kind}`;
      const run = defineMethod("run", async (ctx) => {
        started.push(`${id} ${ctx.attempt}`);
        ctx.signal.addEventListener("abort", () => aborted.push(id), { once: true });
        await behaviors[kind](ctx);
        return id;
      });
      return { id, url: (await startStaticRunner(id, { run })).url };
    }),
  );
  const parent = parentOf(runners, pool);
  const { run } = parent.flame.service(
    "work",
    { run: defineMethod("run", async () => "") },
    { timeoutMs: 10_000, ...options },
  );
  const slotsUsed = () => parent.sum("flame_pool_slots_used");
  return { parent, run, started, aborted, slotsUsed };
};

describe("retry.attemptTimeoutMs", () => {
  test("ends one attempt, on its runner too, and leaves the rest of the deadline to another runner", async () => {
    const { parent, run, started, aborted } = await setUp(["hangs", "answers"], {
      idempotent: true,
      retry: { attemptTimeoutMs: 2_000, baseDelayMs: 1 },
    });
    expect(await run()).toBe("1-answers");
    expect(started).toEqual(["0-hangs 1", "1-answers 2"]);
    await waitFor(() => aborted.includes("0-hangs"), { what: "the first handler's signal" });
    expect(parent.logged("flame.retry.scheduled")[0]!.meta["flame.retry.reason"]).toMatch(
      /^timeout, executed: (unknown|yes)$/,
    );
  });

  test("is a typed timeout of the call where it may not run again", async () => {
    const { run, started } = await setUp(["hangs", "answers"], { retry: { attemptTimeoutMs: 500 } });
    const error = await failureOf(run());
    expect(error).toMatchObject({ code: "timeout", phase: "handler" });
    expect(error.executed).not.toBe("no");
    expect(error.elapsedMs).toBeGreaterThanOrEqual(499);
    expect(error.elapsedMs).toBeLessThan(2_000);
    expect(started).toEqual(["0-hangs 1"]);
  });
});

describe("a hedge", () => {
  const idempotent: FlameOptions = { idempotent: true, hedge: { delayMs: 60 } };

  test("answers for a runner that hangs, whose handler is then aborted", async () => {
    const { parent, run, started, aborted, slotsUsed } = await setUp(["hangs", "answers"], idempotent);
    expect(await run()).toBe("1-answers");
    expect(started).toEqual(["0-hangs 1", "1-answers 2"]);
    await waitFor(() => aborted.includes("0-hangs"), { what: "the first handler's signal" });
    await waitFor(async () => (await slotsUsed()) === 0, { what: "all slots to be free" });
    const attempts = (labels: Labels) => parent.sum("flame_client_attempt_duration_seconds_count", labels);
    expect(await attempts({ attempt_kind: "hedge" })).toBe(1);
    expect(await attempts({ rpc_status_code: "CANCELLED" })).toBe(1);
    expect(await parent.sum("flame_client_call_retries_sum")).toBe(1);
    expect(parent.logged("flame.retry.scheduled")[0]!.meta).toMatchObject({
      "flame.retry.reason": "no answer after 60 ms",
      "flame.retry.next_attempt": 2,
    });
    const seconds = await parent.sum("rpc_client_call_duration_seconds_sum");
    expect(await parent.sum("flame_invocation_phase_duration_seconds_sum")).toBeCloseTo(seconds, 6);
    expect(await parent.sum("flame_invocation_phase_duration_seconds_sum", { phase: "backoff" })).toBeGreaterThan(
      0.055,
    );
  });

  test("is a span beside the first attempt, under the call", async () => {
    const recorder = record();
    onTestFinished(forget);
    const { run } = await setUp(["hangs", "answers"], idempotent);
    await run();
    const spans = () => recorder.exporter.getFinishedSpans().filter(({ name }) => name === "flame.attempt");
    await waitFor(() => spans().length === 2, { what: "both attempts' spans" });
    const call = recorder.exporter.getFinishedSpans().find(({ name, kind }) => name === "work/run" && kind === 2);
    const told = spans().map(({ attributes, parentSpanContext }) => ({
      kind: attributes["flame.attempt.kind"],
      number: attributes["flame.attempt.number"],
      status: attributes["rpc.status_code"],
      reason: attributes["flame.retry.reason"],
      child: parentSpanContext?.spanId === call?.spanContext().spanId,
    }));
    expect(told).toContainEqual({ kind: "first", number: 1, status: "CANCELLED", reason: undefined, child: true });
    expect(told).toContainEqual({
      kind: "hedge",
      number: 2,
      status: "OK",
      reason: "no answer after 60 ms",
      child: true,
    });
  });

  test.each<[string, FlameOptions]>([
    ["the method may not run again", { hedge: { delayMs: 20 } }],
    ["it is turned off for the call", { idempotent: true, hedge: false }],
  ])("is not made where %s", async (_, options) => {
    const { run, started } = await setUp(["hangs", "answers"], { ...options, timeoutMs: 200 });
    expect(await failureOf(run())).toMatchObject({ code: "timeout" });
    expect(started).toEqual(["0-hangs 1"]);
  });

  test("is made for a call with an idempotency key", async () => {
    const { run } = await setUp(["hangs", "answers"], { hedge: { delayMs: 20 } });
    expect(await run.with({ idempotencyKey: "k" })()).toBe("1-answers");
  });

  test("never goes to the runner that already has the call, and never waits for a slot", async () => {
    const alone = await setUp(["hangs"], { ...idempotent, timeoutMs: 300 });
    expect(await failureOf(alone.run())).toMatchObject({ code: "timeout" });
    expect(alone.started).toEqual(["0-hangs 1"]);

    const full = await setUp(["hangs", "hangs"], { ...idempotent, timeoutMs: 2_000 }, { maxConcurrency: 1 });
    const calls = await Promise.all([failureOf(full.run()), failureOf(full.run())]);
    expect(calls.map(({ code }) => code)).toEqual(["timeout", "timeout"]);
    expect(full.started).toHaveLength(2);
  });

  test("there are as many at a time as maxAttempts says", async () => {
    const { run, started } = await setUp(["hangs", "hangs", "hangs", "answers"], {
      idempotent: true,
      timeoutMs: 2_000,
      hedge: { delayMs: 20, maxAttempts: 3 },
    });
    expect(await failureOf(run())).toMatchObject({ code: "timeout" });
    expect(started).toHaveLength(3);
  });

  test("its failure does not end a call that still waits for the first attempt", async () => {
    const { run, started } = await setUp(["hangs", "crashes"], { ...idempotent, timeoutMs: 2_000 });
    const error = await failureOf(run());
    expect(error).toMatchObject({ code: "timeout" });
    expect(started).toContain("1-crashes 2");
  });

  test("a failure that no other attempt can mend ends the call at once", async () => {
    const { run, aborted } = await setUp(["hangs", "declines"], idempotent);
    const error = await failureOf(run());
    expect(error).toMatchObject({ code: "remote_error", executed: "yes", remote: { code: "declined" } });
    expect(error.elapsedMs).toBeLessThan(5_000);
    await waitFor(() => aborted.includes("0-hangs"), { what: "the first handler's signal" });
  });

  test("an aborted call ends all of its attempts", async () => {
    const { run, started, aborted, slotsUsed } = await setUp(["hangs", "hangs"], idempotent);
    const controller = new AbortController();
    const failed = failureOf(run.with({ signal: controller.signal })());
    await waitFor(() => started.length === 2, { what: "the hedge" });
    controller.abort();
    expect(await failed).toMatchObject({ code: "canceled" });
    await waitFor(() => aborted.length === 2, { what: "both handlers' signals" });
    await waitFor(async () => (await slotsUsed()) === 0, { what: "all slots to be free" });
  });

  test("costs a token, and is refused when the budget is used up", async () => {
    const { parent, run, started } = await setUp(["hangs", "answers"], idempotent, {
      retryBudget: { maxTokens: 2, tokenRatio: 0, tokensPerSecond: 0 },
    });
    expect(await run()).toBe("1-answers");
    const error = await failureOf(run.with({ timeoutMs: 300 })());
    expect(error.code).toBe("timeout");
    expect(started).toEqual(["0-hangs 1", "1-answers 2", "0-hangs 1"]);
    expect(parent.logged("flame.retry.refused").map(({ meta }) => meta["flame.retry.refused"])).toContain("budget");
  });
});
