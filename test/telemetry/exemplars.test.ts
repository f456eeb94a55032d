/** The spans that are marked as exemplars are exactly those that histograms link to. */
import { Registry, type OpenMetricsContentType } from "prom-client";
import { afterEach, describe, expect, test } from "vitest";
import { InvokeError } from "../../src/contract/errors.ts";
import { createFlame, FlameMethodError } from "../../src/index.ts";
import { ExemplarChoice } from "../../src/telemetry/exemplars.ts";
import type { FlameEvent, SpanIds } from "../../src/telemetry/telemetry.ts";
import { forget, record } from "./recorded-spans.ts";

afterEach(forget);

const openSpan = (): SpanIds => ({ traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true, exemplar: false });

/** Passes the end of a call to a choice. Returns whether its span was marked. */
const consider = (
  choice: ExemplarChoice,
  change: Partial<Extract<FlameEvent, { _tag: "CallEnded" }>> = {},
): unknown => {
  const span = openSpan();
  choice.consider({
    _tag: "CallEnded",
    method: "billing/charge",
    pool: "gpu",
    durationMs: 30,
    attempts: 1,
    phases: { acquire: 0, encode: 0, network: 0, runner_queue: 0, handler: 0, decode: 0, backoff: 0, other: 0 },
    error: undefined,
    invocationId: "i",
    span,
    ...change,
  });
  return (change.span ?? span).exemplar;
};

describe("ExemplarChoice", () => {
  test("marks the first observation of a bucket, and the next one after 30 seconds", () => {
    let now = 5_000;
    const choice = new ExemplarChoice(() => now);
    expect(consider(choice)).toBe(true);
    now += 29_999;
    expect(consider(choice)).toBe(false);
    now += 1;
    expect(consider(choice)).toBe(true);
    expect(consider(choice)).toBe(false);
  });

  test("marks per bucket, including the one without an upper bound", () => {
    const choice = new ExemplarChoice(() => 0);
    expect([30, 40, 60, 900_000, 800_000].map((durationMs) => consider(choice, { durationMs }))).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
  });

  test("marks per method, pool and status", () => {
    const choice = new ExemplarChoice(() => 0);
    const error = new InvokeError("timeout", "late");
    const changes = [{}, { method: "billing/refund" }, { pool: "cpu" }, { error }, {}, { error }];
    expect(changes.map((change) => consider(choice, change))).toEqual([true, true, true, true, false, false]);
  });

  test("ignores spans that cannot be marked", () => {
    const choice = new ExemplarChoice(() => 0);
    expect(consider(choice, { span: { ...openSpan(), exemplar: undefined } })).toBeUndefined();
    expect(consider(choice)).toBe(true);
  });

  test("uses a span that was marked for another histogram as the exemplar of this bucket", () => {
    const choice = new ExemplarChoice(() => 0);
    const span = openSpan();
    choice.consider({ _tag: "AcquireEnded", pool: "gpu", result: "acquired", source: "cold", durationMs: 30, span });
    expect(consider(choice, { span })).toBe(true);
    expect(consider(choice)).toBe(false);
  });
});

describe("an instance with a registry in OpenMetrics format", () => {
  const start = () => {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const flame = createFlame({
      mode: "local",
      logger: { info: () => {}, warn: () => {}, error: () => {} },
      telemetry: { metrics: registry as unknown as Registry },
    });
    const shop = flame.service("shop", {
      price: async () => 1,
      refuse: async () => {
        throw new FlameMethodError("no", "No.");
      },
    });
    return { flame, shop };
  };

  const exemplarsIn = (text: string): ReadonlyArray<string> =>
    [...new Set([...text.matchAll(/# \{trace_id="\w+",span_id="(\w+)"\}/g)].map(([, id]) => id!))].sort();

  test("marks exactly the spans that its exemplars link to", async () => {
    const { exporter } = record();
    const { flame, shop } = start();
    await using _ = flame;
    for (let call = 0; call < 200; call++) await shop.price();
    await Promise.allSettled([shop.refuse(), shop.refuse()]);
    const spans = exporter.getFinishedSpans();
    const marked = spans.filter(({ attributes }) => attributes["flame.exemplar"] === true);
    const exemplars = exemplarsIn(await flame.metrics());

    expect(exemplars.length).toBeGreaterThanOrEqual(4);
    expect(marked.map((span) => span.spanContext().spanId).sort()).toEqual(exemplars);
    expect(spans.length).toBeGreaterThan(400);
    expect(marked.length).toBeLessThan(40);
  });

  test("has no exemplars without spans", async () => {
    const { flame, shop } = start();
    await using _ = flame;
    await shop.price();
    const text = await flame.metrics();
    expect(text).toContain("rpc_client_call_duration_seconds_count");
    expect(exemplarsIn(text)).toEqual([]);
  });
});
