import * as successor from "@prometheus-io/client";
import * as client from "prom-client";
import { describe, expect, test } from "vitest";
import { ConfigError, InvokeError } from "../../src/contract/errors.ts";
import type { MetricsRegistry } from "../../src/contract/config/options.ts";
import { metrics as catalog, type MetricSpec } from "../../src/telemetry/catalog.ts";
import { makeMetrics, type Metrics } from "../../src/telemetry/prometheus.ts";
import type { PoolSnapshot } from "../../src/telemetry/telemetry.ts";

const openMetrics = client.Registry.OPENMETRICS_CONTENT_TYPE;
const prometheus = client.Registry.PROMETHEUS_CONTENT_TYPE;
const registries = {
  "prom-client": (type: string): MetricsRegistry => new (client.Registry as any)(type),
  "@prometheus-io/client": (type: string): MetricsRegistry => new (successor.Registry as any)(type),
};

const snapshot = (change: Partial<PoolSnapshot> = {}): PoolSnapshot => ({
  pending: 1,
  runners: { booting: 0, idle: 1, busy: 2, draining: 0, ejected: 0 },
  slotsUsed: 2,
  slotsProvisioned: 3,
  slotsLimit: 8,
  slotBusySeconds: 4.5,
  slotAvailableSeconds: 9,
  ...change,
});
const phases = { acquire: 2, encode: 1, network: 5, runner_queue: 0, handler: 20, decode: 1, backoff: 0, other: 1 };
const span = { traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true };

const endCall = (metrics: Metrics, change: object = {}): void =>
  metrics.emit({
    _tag: "CallEnded",
    method: "billing/charge",
    pool: "gpu",
    durationMs: 30,
    attempts: 1,
    phases,
    error: undefined,
    invocationId: "i",
    span,
    ...change,
  });

/** Emits one event of each kind that metrics record. */
const happen = (metrics: Metrics): void => {
  metrics.emit({ _tag: "CallStarted", method: "billing/charge", pool: "gpu" });
  metrics.emit({ _tag: "CallStarted", method: "billing/charge", pool: "gpu" });
  endCall(metrics, { attempts: 3, error: new InvokeError("timeout", "late") });
  metrics.emit({
    _tag: "AttemptEnded",
    method: "billing/charge",
    pool: "gpu",
    kind: "retry",
    durationMs: 20,
    error: undefined,
    span,
  });
  metrics.emit({ _tag: "AcquireEnded", pool: "gpu", result: "acquired", source: "cold", durationMs: 2, span });
  metrics.emit({ _tag: "LeaseEnded", pool: "gpu", durationMs: 25 });
  metrics.emit({ _tag: "RunnerBooting", pool: "gpu", runnerId: "r", backend: "process", reason: "demand" });
  metrics.emit({ _tag: "BootEnded", pool: "gpu", runnerId: "r", backend: "process", result: "ok", durationMs: 400 });
  metrics.emit({ _tag: "RunnerTerminated", pool: "gpu", runnerId: "r", reason: "crash" });
  metrics.emit({ _tag: "SignatureRejected", pool: "gpu", reason: "replay", detail: "" });
  metrics.emit({
    _tag: "HeartbeatRefused",
    by: "parent",
    pool: "gpu",
    runnerId: "r",
    code: "signature_error",
    detail: "",
    count: 1,
  });
  metrics.emit({ _tag: "ClockOffset", pool: "gpu", offsetMs: -4 });
  metrics.emit({ _tag: "RunnerSpans", pool: "gpu", outcome: "reported", count: 2 });
  metrics.emit({ _tag: "IdempotencyDecided", pool: "gpu", outcome: "executed" });
  metrics.emit({
    _tag: "ServerEnded",
    method: "billing/charge",
    pool: "gpu",
    durationMs: 20,
    error: undefined,
    invocationId: "i",
    attempt: 1,
    span,
  });
};

/** Samples by series, without exemplars. */
const samplesOf = (text: string): Map<string, number> =>
  new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const [series, value] = line.split(" # ")[0]!.split(/ (?=[^ ]+$)/) as [string, string];
        return [series, Number(value)] as const;
      }),
  );
const linesOf = (text: string, start: string): ReadonlyArray<string> =>
  text.split("\n").filter((line) => line.startsWith(start));

describe.each(Object.entries(registries))("metrics in a registry of %s", (_name, makeRegistry) => {
  test("have the expected names, labels and values", async () => {
    const metrics = makeMetrics({ registry: makeRegistry(prometheus) });
    metrics.watchPool("gpu", () => snapshot());
    happen(metrics);
    const text = await metrics.text();
    expect(linesOf(text, "flame_client_call_retries")).toEqual([
      'flame_client_call_retries_bucket{le="1",rpc_method="billing/charge",flame_pool_name="gpu"} 0',
      'flame_client_call_retries_bucket{le="2",rpc_method="billing/charge",flame_pool_name="gpu"} 1',
      'flame_client_call_retries_bucket{le="3",rpc_method="billing/charge",flame_pool_name="gpu"} 1',
      'flame_client_call_retries_bucket{le="4",rpc_method="billing/charge",flame_pool_name="gpu"} 1',
      'flame_client_call_retries_bucket{le="5",rpc_method="billing/charge",flame_pool_name="gpu"} 1',
      'flame_client_call_retries_bucket{le="+Inf",rpc_method="billing/charge",flame_pool_name="gpu"} 1',
      'flame_client_call_retries_sum{rpc_method="billing/charge",flame_pool_name="gpu"} 2',
      'flame_client_call_retries_count{rpc_method="billing/charge",flame_pool_name="gpu"} 1',
    ]);
    expect(linesOf(text, "rpc_client_call_duration_seconds_sum")).toEqual([
      'rpc_client_call_duration_seconds_sum{rpc_system_name="flame",rpc_method="billing/charge",rpc_status_code="DEADLINE_EXCEEDED",flame_pool_name="gpu",error_type="DEADLINE_EXCEEDED"} 0.03',
    ]);
    expect(linesOf(text, "flame_invocation_active")).toEqual([
      'flame_invocation_active{rpc_method="billing/charge",flame_pool_name="gpu"} 1',
    ]);
    expect(linesOf(text, "flame_pool_").filter((line) => !/_duration_seconds/.test(line))).toEqual([
      'flame_pool_pending_requests{flame_pool_name="gpu"} 1',
      'flame_pool_runners{flame_pool_name="gpu",state="booting"} 0',
      'flame_pool_runners{flame_pool_name="gpu",state="idle"} 1',
      'flame_pool_runners{flame_pool_name="gpu",state="busy"} 2',
      'flame_pool_runners{flame_pool_name="gpu",state="draining"} 0',
      'flame_pool_runners{flame_pool_name="gpu",state="ejected"} 0',
      'flame_pool_slots_used{flame_pool_name="gpu"} 2',
      'flame_pool_slots_provisioned{flame_pool_name="gpu"} 3',
      'flame_pool_slots_limit{flame_pool_name="gpu"} 8',
      'flame_pool_slot_busy_seconds_total{flame_pool_name="gpu"} 4.5',
      'flame_pool_slot_available_seconds_total{flame_pool_name="gpu"} 9',
    ]);
    expect(linesOf(text, "flame_runner_terminations_total")).toEqual(
      ["idle", "drain", "crash", "boot_timeout", "canceled", "unhealthy", "recycled"].map(
        (reason) =>
          `flame_runner_terminations_total{flame_pool_name="gpu",reason="${reason}"} ${reason === "crash" ? 1 : 0}`,
      ),
    );
    const samples = samplesOf(text);
    expect(samples.get('flame_runner_clock_offset_seconds_sum{flame_pool_name="gpu"}')).toBe(0.004);
    expect(samples.get('flame_telemetry_spans_total{flame_pool_name="gpu",outcome="reported"}')).toBe(2);
    expect(
      samples.get('flame_runner_boot_duration_seconds_count{flame_pool_name="gpu",backend="process",result="ok"}'),
    ).toBe(1);
    expect(
      samples.get('flame_runner_boot_duration_seconds_count{flame_pool_name="gpu",backend="process",result="timeout"}'),
    ).toBe(0);
    expect(
      samples.get('flame_pool_acquire_duration_seconds_count{flame_pool_name="gpu",result="timeout",source="queued"}'),
    ).toBe(0);
    expect(samples.get('flame_pool_lease_duration_seconds_count{flame_pool_name="gpu"}')).toBe(1);
    expect(text).not.toContain("# {");
  });

  test("have exemplars in OpenMetrics, only of spans that can be marked", async () => {
    const metrics = makeMetrics({ registry: makeRegistry(openMetrics) });
    endCall(metrics, { durationMs: 30, span: { ...span, exemplar: false } });
    endCall(metrics, { durationMs: 2_000, span: { ...span, exemplar: undefined } });
    endCall(metrics, { durationMs: 900_000, span: { ...span, exemplar: false } });
    const text = await metrics.text();
    const exemplars = linesOf(text, "rpc_client_call_duration_seconds_bucket").filter((line) => line.includes(" # "));
    expect(exemplars).toEqual([
      expect.stringMatching(/le="0.05".* 1 # \{trace_id="a{32}",span_id="b{16}"\} 0.03 [\d.]+$/),
      expect.stringMatching(/le="\+Inf".* 3 # \{trace_id="a{32}",span_id="b{16}"\} 900 [\d.]+$/),
    ]);
    expect(text.endsWith("# EOF\n")).toBe(true);
  });

  test("keep their names when a registry is rendered in both formats", async () => {
    const registry = makeRegistry(prometheus) as MetricsRegistry & { setContentType(type: string): void };
    const metrics = makeMetrics({ registry });
    metrics.watchPool("gpu", () => snapshot());
    const series = 'flame_runner_terminations_total{flame_pool_name="gpu",reason="idle"} 0';
    for (const type of [prometheus, openMetrics, prometheus, openMetrics]) {
      registry.setContentType(type);
      const text = await metrics.text();
      expect(metrics.contentType).toBe(type);
      expect(linesOf(text, "flame_runner_terminations_total{")).toHaveLength(7);
      expect(text).toContain(`\n${series}\n`);
      expect(text).toContain(`# TYPE flame_runner_terminations${type === openMetrics ? "" : "_total"} counter\n`);
    }
  });

  test("are shared by two instances, and pools of the same name are summed", async () => {
    const registry = makeRegistry(openMetrics);
    const one = makeMetrics({ registry });
    endCall(one);
    await one.text();
    const other = makeMetrics({ registry });
    endCall(other);
    one.watchPool("gpu", () => snapshot());
    other.watchPool("gpu", () => snapshot({ pending: 4, slotBusySeconds: 1 }));
    const samples = samplesOf(await one.text());
    expect(samples.get('flame_pool_pending_requests{flame_pool_name="gpu"}')).toBe(5);
    expect(samples.get('flame_pool_slot_busy_seconds_total{flame_pool_name="gpu"}')).toBe(5.5);
    expect(
      [...samples]
        .filter(([series]) => series.startsWith("rpc_client_call_duration_seconds_count"))
        .map(([, count]) => count),
    ).toEqual([2]);
  });

  test("are registered again after the registry was cleared", async () => {
    const registry = makeRegistry(openMetrics) as MetricsRegistry & { clear(): void };
    endCall(makeMetrics({ registry }));
    registry.clear();
    expect(await makeMetrics({ registry }).text()).toContain("rpc_client_call_duration_seconds_count");
  });
});

describe("metrics", () => {
  test("are exactly those of the catalog", async () => {
    const metrics = makeMetrics();
    metrics.watchPool("gpu", () => snapshot());
    happen(metrics);
    const text = await metrics.text();
    const specs = Object.values<MetricSpec>(catalog);
    const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    expect(families.toSorted()).toEqual(
      specs.map(({ name, type }) => `${name.replace(/_total$/, "")} ${type}`).toSorted(),
    );
    for (const spec of specs) {
      const help = `# HELP ${spec.name.replace(/_total$/, "")} ${spec.description}`;
      expect(text).toContain(help);
      const series = linesOf(text, spec.name).filter(
        (line) => line.startsWith(`${spec.name}{`) || line.startsWith(`${spec.name}_`),
      );
      expect(series, `${spec.name} has no samples`).not.toEqual([]);
      const labels = new Set(
        series.flatMap((line) => [...line.split(" # ")[0]!.matchAll(/(\w+)="/g)].map(([, label]) => label)),
      );
      labels.delete("le");
      const expected = spec.labels.filter((label) => label !== "error_type" || labels.has(label));
      expect([...labels].toSorted(), spec.name).toEqual(expected.toSorted());
    }
  });

  test("of a side are those that the catalog has for this side", async () => {
    const text = await makeMetrics({ side: "runner", pool: "gpu" }).text();
    expect([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)).toEqual([
      "flame_signature_rejections",
      "flame_clock_steps",
      "flame_idempotency_requests",
      "rpc_server_call_duration_seconds",
    ]);
    expect(linesOf(text, "flame_signature_rejections_total{")).toHaveLength(6);
    expect(await makeMetrics({ side: "parent" }).text()).not.toContain("rpc_server_call_duration_seconds");
  });

  test("of phases sum to the duration of the calls, without phases that did not occur", async () => {
    const metrics = makeMetrics();
    endCall(metrics);
    endCall(metrics, { durationMs: 12.5, phases: { ...phases, acquire: 0, network: 0.5, handler: 10, other: 0 } });
    const samples = [...samplesOf(await metrics.text())];
    const sum = (start: string) =>
      samples.filter(([series]) => series.startsWith(start)).reduce((total, [, value]) => total + value, 0);
    expect(sum("flame_invocation_phase_duration_seconds_sum")).toBeCloseTo(0.0425, 12);
    expect(sum("flame_invocation_phase_duration_seconds_sum")).toBeCloseTo(
      sum("rpc_client_call_duration_seconds_sum"),
      12,
    );
    expect(samples.some(([series]) => series.includes('phase="backoff"'))).toBe(false);
  });

  test("of a closed pool have no gauges and keep the final values of counters", async () => {
    const metrics = makeMetrics();
    let busySeconds = 1;
    const stop = metrics.watchPool("gpu", () => snapshot({ slotBusySeconds: busySeconds }));
    metrics.emit({ _tag: "CallStarted", method: "billing/charge", pool: "gpu" });
    await metrics.text();
    busySeconds = 3;
    stop();
    stop();
    const open = await metrics.text();
    expect(linesOf(open, "flame_pool_pending_requests{")).toEqual([]);
    expect(linesOf(open, "flame_invocation_active{")).toHaveLength(1);
    endCall(metrics);
    const samples = samplesOf(await metrics.text());
    expect(
      [...samples.keys()].filter((series) => /^flame_(pool_(runners|slots_|pending)|invocation_active)/.test(series)),
    ).toEqual([]);
    expect(samples.get('flame_pool_slot_busy_seconds_total{flame_pool_name="gpu"}')).toBe(3);

    metrics.watchPool("gpu", () => snapshot({ slotBusySeconds: 0.5 }));
    expect(samplesOf(await metrics.text()).get('flame_pool_slot_busy_seconds_total{flame_pool_name="gpu"}')).toBe(3.5);
  });

  test("are added to instruments that another copy of the package has registered", async () => {
    const registry = new client.Registry() as unknown as MetricsRegistry & { registerMetric(metric: unknown): void };
    const pending = new client.Gauge({
      name: catalog.pending.name,
      help: "x",
      labelNames: [...catalog.pending.labels],
      registers: [],
      collect() {
        this.set({ flame_pool_name: "theirs" }, 7);
      },
    });
    registry.registerMetric(pending);
    const metrics = makeMetrics({ registry });
    metrics.watchPool("gpu", () => snapshot());
    expect(linesOf(await metrics.text(), "flame_pool_pending_requests{")).toEqual([
      'flame_pool_pending_requests{flame_pool_name="theirs"} 7',
      'flame_pool_pending_requests{flame_pool_name="gpu"} 1',
    ]);
  });

  test("fail with ConfigError if the registry has another metric of the same name", () => {
    const registry = new client.Registry() as unknown as MetricsRegistry & { registerMetric(metric: unknown): void };
    registry.registerMetric(
      new client.Counter({ name: catalog.leaseDuration.name, help: "x", labelNames: ["host"], registers: [] }),
    );
    expect(() => makeMetrics({ registry })).toThrow(ConfigError);
    expect(() => makeMetrics({ registry })).toThrow(
      /already has a different metric named flame_pool_lease_duration_seconds \(a counter with the labels host\)/,
    );
  });
});
