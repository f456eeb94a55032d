/** Scrapes and resets of a registry while calls end: each sees a consistent state. */
import * as successor from "@prometheus-io/client";
import * as client from "prom-client";
import { describe, expect, test } from "vitest";
import type { MetricsRegistry } from "../../src/contract/config/options.ts";
import { FirelightMetricProducer, type ReadableRegistry } from "../../src/otel/metrics.ts";
import { makeMetrics, type Metrics } from "../../src/telemetry/prometheus.ts";
import type { PoolSnapshot } from "../../src/telemetry/telemetry.ts";

type ResettableRegistry = MetricsRegistry & ReadableRegistry & { resetMetrics(): void };

const registries = {
  "prom-client": (): ResettableRegistry => new client.Registry(),
  "@prometheus-io/client": (): ResettableRegistry => new successor.Registry(),
};

const phases = { acquire: 0, encode: 0, network: 0, runner_queue: 0, handler: 20, decode: 0, backoff: 0, other: 0 };
const about = { method: "billing/charge", pool: "gpu", error: undefined, invocationId: "i", span: undefined } as const;

/** Emits the events of one call. */
const call = (metrics: Metrics): void => {
  metrics.emit({ _tag: "CallStarted", ...about });
  metrics.emit({ _tag: "AttemptEnded", ...about, kind: "first", durationMs: 20 });
  metrics.emit({ _tag: "CallEnded", ...about, durationMs: 20, attempts: 1, phases });
  metrics.emit({ _tag: "LeaseEnded", pool: "gpu", durationMs: 20 });
  metrics.emit({ _tag: "RunnerSpans", pool: "gpu", outcome: "reported", count: 1 });
};

/** Runs `run` while calls end in every microtask: more events than the event buffer holds. */
const duringCalls = async (metrics: Metrics, run: () => Promise<void>): Promise<void> => {
  let running = true;
  const calls = (async () => {
    for (; running; await Promise.resolve()) for (let count = 0; count < 60; count++) call(metrics);
  })();
  try {
    await run();
  } finally {
    running = false;
    await calls;
  }
};

const counts = (text: string): ReadonlyArray<number> =>
  [
    "rpc_client_call_duration_seconds_count",
    "flame_client_attempt_duration_seconds_count",
    "flame_invocation_phase_duration_seconds_count",
    "flame_pool_lease_duration_seconds_count",
    "flame_telemetry_spans_total",
  ].map((name) => Number(new RegExp(`^${name}\\{.*?\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0));

const snapshot = (slotBusySeconds: number): PoolSnapshot => ({
  pending: 0,
  runners: { booting: 0, idle: 0, busy: 1, draining: 0, ejected: 0 },
  slotsUsed: 1,
  slotsProvisioned: 1,
  slotsLimit: 1,
  slotBusySeconds,
  slotAvailableSeconds: 2 * slotBusySeconds,
});

const samplesOf = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split(/ (?=[^ ]+$)/) as [string, string])
      .map(([series, value]) => [series, Number(value)]),
  );

describe.each(Object.entries(registries))("a registry of %s", (_, makeRegistry) => {
  test("returns consistent counts to concurrent scrapes while calls end", async () => {
    const registry = makeRegistry();
    const metrics = makeMetrics({ registry });
    metrics.watchPool("gpu", () => snapshot(1));
    const texts: Array<string> = [];
    await duringCalls(metrics, async () => {
      for (let scrape = 0; scrape < 20; scrape++)
        texts.push(...(await Promise.all([registry.metrics(), metrics.text(), registry.metrics()])));
    });
    for (const text of texts) {
      const [first, ...others] = counts(text);
      expect(others).toEqual(others.map(() => first));
    }
    expect(counts(texts.at(-1)!)[0]).toBeGreaterThan(counts(texts[0]!)[0]!);
    expect(counts(await metrics.text())[0]! % 60).toBe(0);
  });

  test("pushes consistent counts while calls end", async () => {
    const registry = makeRegistry();
    const metrics = makeMetrics({ registry });
    const producer = new FirelightMetricProducer(registry);
    const pushes: Array<Awaited<ReturnType<typeof producer.collect>>> = [];
    await duringCalls(metrics, async () => {
      for (let push = 0; push < 10; push++) pushes.push(await producer.collect());
    });
    for (const { resourceMetrics } of pushes) {
      const [scope] = resourceMetrics.scopeMetrics;
      const countOf = (name: string): unknown => {
        const metric = scope!.metrics.find(({ descriptor }) => descriptor.name === name);
        const value = metric?.dataPoints[0]?.value;
        return typeof value === "object" ? value.count : value;
      };
      const all = [
        "flame_client_attempt_duration_seconds",
        "flame_invocation_phase_duration_seconds",
        "flame_telemetry_spans_total",
      ].map(countOf);
      expect(all).toEqual(all.map(() => countOf("rpc_client_call_duration_seconds")));
    }
  });

  test("does not count events from before a reset, recorded or buffered", async () => {
    const registry = makeRegistry();
    const metrics = makeMetrics({ registry });
    let busySeconds = 5;
    metrics.watchPool("gpu", () => snapshot(busySeconds));
    metrics.emit({ _tag: "RunnerBooting", pool: "gpu", runnerId: "r", backend: "process", reason: "demand" });
    const fresh = [...samplesOf(await metrics.text()).keys()];
    metrics.emit({ _tag: "CallStarted", ...about });
    call(metrics);
    busySeconds = 7;
    registry.resetMetrics();
    const after = samplesOf(await registry.metrics());
    const inFlight = 'flame_invocation_active{rpc_method="billing/charge",flame_pool_name="gpu"}';
    expect([...after.keys()].toSorted()).toEqual([...fresh, inFlight].toSorted());
    expect(after.get(inFlight)).toBe(1);
    const counted = [...after].filter(
      ([series]) => !/^flame_(invocation_active|pool_(runners|slots_|pending))/.test(series),
    );
    expect(counted.filter(([, value]) => value !== 0)).toEqual([]);

    call(metrics);
    busySeconds = 8;
    const next = samplesOf(await registry.metrics());
    expect(next.get('flame_pool_slot_busy_seconds_total{flame_pool_name="gpu"}')).toBe(1);
    expect(next.get('flame_pool_slot_available_seconds_total{flame_pool_name="gpu"}')).toBe(2);
    expect(next.get('flame_telemetry_spans_total{flame_pool_name="gpu",outcome="reported"}')).toBe(1);
  });
});
