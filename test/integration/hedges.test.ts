/** Attempt timeouts and hedged attempts, over real sockets. */
import { describe, expect, onTestFinished, test } from "vitest";
import type { Labels } from "../../examples/shared/prometheus-text.ts";
import {
  defineMethod,
  FlameMethodError,
  type FlameOptions,
  type InvocationContext,
  type PoolConfig,
} from "../../src/index.ts";
import { waitFor } from "../harness/wait-for.ts";
import { forget, record } from "../telemetry/recorded-spans.ts";
import { failureOf, parentOf, startStaticRunner } from "./static-runners.ts";

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));

type Behavior = (ctx: InvocationContext) => Promise<string>;

/** What a handler does: return, hang or fail. */
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

/** Starts one runner per behavior. The first call goes to the first one. */
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
  test("aborts the attempt on its runner, then retries on another runner within the deadline", async () => {
    const { parent, run, started, aborted } = await setUp(["hangs", "answers"], {
      idempotent: true,
      retry: { attemptTimeoutMs: 2_000, baseDelayMs: 1 },
    });
    expect(await run()).toBe("1-answers");
    expect(started).toEqual(["0-hangs 1", "1-answers 2"]);
    await waitFor(() => aborted.includes("0-hangs"), { what: "the first handler to be aborted" });
    expect(parent.logged("flame.retry.scheduled")[0]!.meta["flame.retry.reason"]).toMatch(
      /^timeout, executed: (unknown|yes)$/,
    );
  });

  test("fails a call that may not be retried with timeout", async () => {
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

  test("returns its result when the first runner hangs, and the first handler is aborted", async () => {
    const { parent, run, started, aborted, slotsUsed } = await setUp(["hangs", "answers"], idempotent);
    expect(await run()).toBe("1-answers");
    expect(started).toEqual(["0-hangs 1", "1-answers 2"]);
    await waitFor(() => aborted.includes("0-hangs"), { what: "the first handler to be aborted" });
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

  test("has a span that is a sibling of the first attempt's, below the call's span", async () => {
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
    ["the method is not idempotent", { hedge: { delayMs: 20 } }],
    ["hedge is false", { idempotent: true, hedge: false }],
  ])("is not sent when %s", async (_, options) => {
    const { run, started } = await setUp(["hangs", "answers"], { ...options, timeoutMs: 200 });
    expect(await failureOf(run())).toMatchObject({ code: "timeout" });
    expect(started).toEqual(["0-hangs 1"]);
  });

  test("is sent for a call with an idempotency key", async () => {
    const { run } = await setUp(["hangs", "answers"], { hedge: { delayMs: 20 } });
    expect(await run.with({ idempotencyKey: "k" })()).toBe("1-answers");
  });

  test("is not sent to the runner that already has the call, and does not wait for a slot", async () => {
    const alone = await setUp(["hangs"], { ...idempotent, timeoutMs: 300 });
    expect(await failureOf(alone.run())).toMatchObject({ code: "timeout" });
    expect(alone.started).toEqual(["0-hangs 1"]);

    const full = await setUp(["hangs", "hangs"], { ...idempotent, timeoutMs: 2_000 }, { maxConcurrency: 1 });
    const calls = await Promise.all([failureOf(full.run()), failureOf(full.run())]);
    expect(calls.map(({ code }) => code)).toEqual(["timeout", "timeout"]);
    expect(full.started).toHaveLength(2);
  });

  test("is sent at most maxAttempts - 1 times", async () => {
    const { run, started } = await setUp(["hangs", "hangs", "hangs", "answers"], {
      idempotent: true,
      timeoutMs: 2_000,
      hedge: { delayMs: 20, maxAttempts: 3 },
    });
    expect(await failureOf(run())).toMatchObject({ code: "timeout" });
    expect(started).toHaveLength(3);
  });

  test("that fails does not fail the call while the first attempt is pending", async () => {
    const { run, started } = await setUp(["hangs", "crashes"], { ...idempotent, timeoutMs: 2_000 });
    const error = await failureOf(run());
    expect(error).toMatchObject({ code: "timeout" });
    expect(started).toContain("1-crashes 2");
  });

  test("that fails with a permanent error fails the call at once", async () => {
    const { run, aborted } = await setUp(["hangs", "declines"], idempotent);
    const error = await failureOf(run());
    expect(error).toMatchObject({ code: "remote_error", executed: "yes", remote: { code: "declined" } });
    expect(error.elapsedMs).toBeLessThan(5_000);
    await waitFor(() => aborted.includes("0-hangs"), { what: "the first handler to be aborted" });
  });

  test("is aborted with the first attempt when the call is aborted", async () => {
    const { run, started, aborted, slotsUsed } = await setUp(["hangs", "hangs"], idempotent);
    const controller = new AbortController();
    const failed = failureOf(run.with({ signal: controller.signal })());
    await waitFor(() => started.length === 2, { what: "the hedge" });
    controller.abort();
    expect(await failed).toMatchObject({ code: "canceled" });
    await waitFor(() => aborted.length === 2, { what: "both handlers to be aborted" });
    await waitFor(async () => (await slotsUsed()) === 0, { what: "all slots to be free" });
  });

  test("spends a token of the retry budget, and is denied when the budget is used up", async () => {
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
