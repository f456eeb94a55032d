/**
 * Reconciliation: callers, handlers, metrics and traces report the same calls, also when runners are killed while they handle
 * calls.
 */
import { describe, expect, test } from "vitest";
import { attributes, metrics, phases } from "../../src/telemetry/catalog.ts";
import { record } from "../stack/harness/board.ts";
import { faultless } from "../harness/ledger.ts";
import { waitFor } from "../harness/wait-for.ts";
import type { ReceivedSpan } from "../otel/otlp-receiver.ts";
import { startLedgerRun, type Accounts, type LedgerRun } from "./ledger-run.ts";

const spansTotal = metrics.telemetrySpans.name;

const times = (count: number, make: () => Promise<unknown>): ReadonlyArray<Promise<unknown>> =>
  Array.from({ length: count }, make);

const countBy = <A>(items: ReadonlyArray<A>, key: (item: A) => string): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
};

const text = (span: ReceivedSpan, attribute: keyof typeof attributes): string => {
  const value = span.attributes[attributes[attribute].name];
  return typeof value === "string" || typeof value === "number" ? `${value}` : "";
};

const isCall = ({ kind, name }: ReceivedSpan): boolean => kind === "client" && name.startsWith("booked/");
const isAttempt = ({ name }: ReceivedSpan): boolean => name === "flame.attempt";
const isServer = ({ kind }: ReceivedSpan): boolean => kind === "server";
const isHandler = ({ name }: ReceivedSpan): boolean => name === "flame.handler";

/** Kills idle runners after a call until the pool counts a crash; a runner that the pool is ending anyway does not count. */
const killIdle = async ({ backend, call, grown }: LedgerRun): Promise<void> => {
  const before = await grown(metrics.terminations.name, { reason: "crash" });
  await waitFor(
    async () => {
      const pid = (await call("work", "well", 1))!;
      if (backend.running().some((runner) => runner.pid === pid)) process.kill(pid, "SIGKILL");
      await waitFor(() => backend.running().every((runner) => runner.pid !== pid), {
        what: "the killed runner to exit",
      });
      return (await grown(metrics.terminations.name, { reason: "crash" })) > before;
    },
    { what: "the pool to count a crash" },
  );
};

const runWithFaults = async (run: LedgerRun): Promise<Accounts> => {
  const { call } = run;
  await Promise.all([
    ...times(25, () => call("work", "well", 10)),
    ...times(10, () => call("other", "well", 5)),
    ...times(3, () => call("work", "fails", 1)),
    ...times(2, () => call("other", "throws", 1)),
  ]);
  await Promise.all([
    ...times(3, () => call("work", "hangs", 0, { timeoutMs: 400 })),
    ...times(2, () => call("other", "hangs", 0, { signal: AbortSignal.timeout(300) })),
    ...times(1, () => call("work", "well", 600, { detached: true, signal: AbortSignal.timeout(300) })),
    ...times(2, () => call("work", "dies", 5, { retry: { maxAttempts: 3, baseDelayMs: 10 } })),
    ...times(2, () => call("other", "throws", 1, { retry: { maxAttempts: 2, baseDelayMs: 10 } })),
    ...times(1, () => call("other", "dies", 5)),
  ]);
  await waitFor(
    async () => {
      await call("work", "stalls", 5, { idempotent: true, timeoutMs: 1_000, hedge: { delayMs: 40 } });
      return (await run.grown(`${metrics.attemptDuration.name}_count`, { attempt_kind: "hedge" })) > 0;
    },
    { what: "a hedge, which needs a free slot on a second runner" },
  );
  await Promise.all(times(40, () => call("work", "well", 20)));
  await killIdle(run);
  await Promise.all(times(10, () => call("other", "well", 5)));
  return run.end();
};

describe("a run with faults", () => {
  let accounts: Accounts;
  let compared = 0;
  let different = 0;

  const same = (actual: ReadonlyMap<string, number>, expected: ReadonlyMap<string, number>): void => {
    const keys = new Set([...actual.keys(), ...expected.keys()]);
    compared += keys.size;
    different += [...keys].filter((key) => actual.get(key) !== expected.get(key)).length;
    expect(new Map([...actual].toSorted())).toEqual(new Map([...expected].toSorted()));
  };

  test("leaves a consistent ledger with every kind of outcome", { timeout: 120_000 }, async () => {
    const run = await startLedgerRun({
      pool: { min: 2, max: 3, maxConcurrency: 2, maxQueue: 36, recycle: { maxCalls: 20 }, retryBudget: false },
      env: { OTEL_BSP_SCHEDULE_DELAY: "300" },
    });
    accounts = await runWithFaults(run);
    const { missing, double, reused, unknown, untyped, repeated, unreadable } = accounts.ledger;
    expect({ missing, double, reused, unknown, untyped, repeated, unreadable }).toEqual(faultless);
    expect([...accounts.ledger.outcomes.keys()]).toEqual(
      expect.arrayContaining(
        ["OK", "UNKNOWN", "DEADLINE_EXCEEDED", "CANCELLED", "RESOURCE_EXHAUSTED", "UNAVAILABLE"].map((status) =>
          expect.stringMatching(new RegExp(` ${status}$`)),
        ),
      ),
    );
    for (const kind of ["first", "retry", "hedge"])
      expect(accounts.grown(`${metrics.attemptDuration.name}_count`, { attempt_kind: kind }), kind).toBeGreaterThan(0);
    for (const reason of ["crash", "recycled", "drain"])
      expect(accounts.grown(metrics.terminations.name, { reason }), reason).toBeGreaterThan(0);
  });

  test("has the same calls in ledger, metrics and traces, by method and status", () => {
    const { ledger, spans, grownBy } = accounts;
    const counted = grownBy(`${metrics.callDuration.name}_count`, "rpc_method", "rpc_status_code");
    same(counted, ledger.outcomes);
    same(
      countBy(spans.filter(isCall), (span) => `${text(span, "method")} ${text(span, "status")}`),
      ledger.outcomes,
    );
  });

  test("has the same attempts in metrics and traces, by method, kind and status", () => {
    const { spans, grownBy } = accounts;
    const counted = grownBy(`${metrics.attemptDuration.name}_count`, "rpc_method", "attempt_kind", "rpc_status_code");
    const traced = countBy(
      spans.filter(isAttempt),
      (span) => `${text(span, "method")} ${text(span, "attemptKind")} ${text(span, "status")}`,
    );
    same(traced, counted);
  });

  test("records on each call span the number of its attempts", () => {
    const { spans } = accounts;
    const made = countBy(spans.filter(isAttempt), ({ parentSpanId }) => parentSpanId);
    const said = spans.filter(isCall).map((span) => [span.spanId, Number(text(span, "attemptCount") || 0)] as const);
    same(made, new Map(said.filter(([, count]) => count > 0)));
  });

  test("has the same error types in metrics and traces, by method", () => {
    const { spans, grownBy } = accounts;
    const counted = grownBy(`${metrics.callDuration.name}_count`, "rpc_method", "error_type");
    const traced = countBy(spans.filter(isCall), (span) => `${text(span, "method")} ${text(span, "errorType")}`);
    same(traced, counted);
    for (const span of spans.filter(isCall))
      expect(span.status, span.name).toBe(text(span, "errorType") === "" ? "unset" : "error");
  });

  test("has phases that sum to the call duration, per span and in the metrics", () => {
    const { spans, grown } = accounts;
    const kinds = Map.groupBy(spans.filter(isCall), (span) => `${text(span, "method")} ${text(span, "status")}`);
    for (const [kind, calls] of kinds) {
      // The process may wait for the processor between a span's end and its last phase, but not in each of many calls.
      if (calls.length < 10) continue;
      const differences = calls.map((span) => {
        const sum = phases.reduce((ms, phase) => ms + Number(span.attributes[`flame.phase.${phase}_ms`] ?? 0), 0);
        return Math.abs(span.durationMs - sum);
      });
      expect(Math.min(...differences), `milliseconds that no phase of ${kind} accounts for`).toBeLessThan(2);
    }
    expect(grown(`${metrics.phaseDuration.name}_sum`)).toBeCloseTo(grown(`${metrics.callDuration.name}_sum`), 6);
  });

  test("has only runner spans that belong to an attempt of the parent", () => {
    const { spans, ledger } = accounts;
    const attempts = new Set(spans.filter(isAttempt).map(({ spanId }) => spanId));
    const servers = new Set(spans.filter(isServer).map(({ spanId }) => spanId));
    expect(spans.filter((span) => isServer(span) && !attempts.has(span.parentSpanId))).toEqual([]);
    const handlers = spans.filter(isHandler);
    expect(handlers.length).toBeLessThanOrEqual(ledger.executions.size);
    expect(handlers.filter(({ parentSpanId }) => !servers.has(parentSpanId)).length).toBeLessThanOrEqual(
      accounts.grown(spansTotal, { outcome: "lost" }),
    );
  });

  test("counts the spans of killed runners as lost, and as reported only spans that arrived", () => {
    const { spans, ledger, grown } = accounts;
    const executed = new Set(ledger.executions.keys());
    const served = spans.filter(isServer).map((span) => `${text(span, "invocationId")}#${text(span, "attempt")}`);
    const missing =
      2 * executed.size - served.filter((key) => executed.has(key)).length - spans.filter(isHandler).length;
    const lost = grown(spansTotal, { outcome: "lost" });
    const reported = grown(spansTotal, { outcome: "reported" });
    expect(missing).toBeGreaterThanOrEqual(2);
    expect(lost).toBeGreaterThanOrEqual(missing);
    expect(reported).toBeGreaterThan(0);
    expect(reported).toBeLessThanOrEqual(served.length + spans.filter(isHandler).length);
    record({
      what: "numbers that ledger, metrics and traces agree on",
      good: compared - different,
      all: compared,
      notes: [
        `${missing} spans died with their runners, ${lost} were counted as lost; ${reported} were counted as sent`,
      ],
    });
  });
});

describe("spans of a runner", { timeout: 60_000 }, () => {
  const runnerSpans = ({ spans }: Accounts): number => spans.filter((span) => isServer(span) || isHandler(span)).length;
  const booked = ({ grown }: Accounts): { readonly reported: number; readonly lost: number } => ({
    reported: grown(spansTotal, { outcome: "reported" }),
    lost: grown(spansTotal, { outcome: "lost" }),
  });
  /** An export interval longer than any of these tests: spans are exported only at shutdown. */
  const never = { OTEL_BSP_SCHEDULE_DELAY: "600000" };

  test("that shuts down are all reported", async () => {
    const run = await startLedgerRun({ env: never });
    for (let n = 0; n < 5; n++) await run.call("work", "well", 1);
    expect(await run.grown(spansTotal)).toBe(0);
    const accounts = await run.end();
    expect([runnerSpans(accounts), booked(accounts)]).toEqual([10, { reported: 10, lost: 0 }]);
  });

  test("that is killed while idle are counted as lost if they were not exported", async () => {
    const run = await startLedgerRun({ env: never });
    for (let n = 0; n < 4; n++) await run.call("work", "well", 1);
    await killIdle(run);
    const accounts = await run.end();
    expect([runnerSpans(accounts), booked(accounts)]).toEqual([0, { reported: 0, lost: 10 }]);
  });

  test("that is killed during a call are counted as lost, including those of the running call", async () => {
    const run = await startLedgerRun({ env: never });
    for (let n = 0; n < 3; n++) await run.call("work", "well", 1);
    await run.call("work", "dies", 1);
    const accounts = await run.end();
    expect([runnerSpans(accounts), booked(accounts)]).toEqual([0, { reported: 0, lost: 8 }]);
  });

  test("that is running are counted as reported once a response confirms their export", async () => {
    const run = await startLedgerRun({ env: { OTEL_BSP_SCHEDULE_DELAY: "20" } });
    await run.call("work", "well", 1);
    await waitFor(
      async () => {
        await run.call("work", "well", 1);
        return (await run.grown(spansTotal, { outcome: "reported" })) >= 2;
      },
      { what: "spans to be counted as reported", everyMs: 30 },
    );
    const accounts = await run.end();
    expect(booked(accounts)).toEqual({ reported: runnerSpans(accounts), lost: 0 });
  });

  test("that is running are counted as lost when their export fails", async () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
      OTEL_BSP_SCHEDULE_DELAY: "20",
      OTEL_EXPORTER_OTLP_TIMEOUT: "200",
    };
    const run = await startLedgerRun({ env });
    await run.call("work", "well", 1);
    await waitFor(
      async () => {
        await run.call("work", "well", 1);
        return (await run.grown(spansTotal, { outcome: "lost" })) >= 2;
      },
      { what: "spans to be counted as lost", everyMs: 50 },
    );
    expect(await run.grown(spansTotal, { outcome: "reported" })).toBe(0);
  });

  test("that exceed its export queue are counted as lost", async () => {
    const run = await startLedgerRun({ env: { ...never, OTEL_BSP_MAX_QUEUE_SIZE: "6" } });
    for (let n = 0; n < 5; n++) await run.call("work", "well", 1);
    const accounts = await run.end();
    expect([runnerSpans(accounts), booked(accounts)]).toEqual([6, { reported: 6, lost: 4 }]);
  });
});
