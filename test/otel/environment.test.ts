/** The `OTEL_*` variables that `startOpenTelemetry` supports, tested with a receiver. */
import { hostname } from "node:os";
import { metrics as metricsApi, propagation, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { Counter, Histogram, Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createFlame, defineMethod } from "../../src/index.ts";
import { type OpenTelemetryOptions, type OtelHandle, startOpenTelemetry } from "../../src/otel/index.ts";
import { startReceiver } from "./otlp-receiver.ts";

let receiver: Awaited<ReturnType<typeof startReceiver>>;
let otel: OtelHandle | undefined;
let printed: ReturnType<typeof vi.spyOn>;

beforeEach(async () => {
  receiver = await startReceiver();
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url);
  printed = vi.spyOn(console, "dir").mockImplementation(() => {});
});
afterEach(async () => {
  await otel?.shutdown();
  otel = undefined;
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await receiver[Symbol.asyncDispose]();
});

const start = (env: Record<string, string>, options: OpenTelemetryOptions = {}): OtelHandle => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  return (otel = startOpenTelemetry(options));
};

const span = (name = "work", attributes: Record<string, string> = {}): void =>
  trace.getTracer("test").startSpan(name, { attributes }).end();

const counted = (): { readonly registry: Registry; readonly counter: Counter; readonly histogram: Histogram } => {
  const registry = new Registry();
  const counter = new Counter({ name: "work_total", help: "Work.", registers: [registry] });
  const histogram = new Histogram({ name: "work_seconds", help: "Work.", buckets: [1, 10], registers: [registry] });
  counter.inc(3);
  histogram.observe(0.5);
  return { registry, counter, histogram };
};

/** Emits a span and a log record, and flushes all signals. */
const emit = async (handle: OtelHandle): Promise<void> => {
  span();
  handle.logger.info("said");
  await handle.flush();
};

describe("exporters", () => {
  test.each([
    ["OTEL_TRACES_EXPORTER", "/v1/traces"],
    ["OTEL_METRICS_EXPORTER", "/v1/metrics"],
    ["OTEL_LOGS_EXPORTER", "/v1/logs"],
  ])("%s=none disables only this signal", async (name, path) => {
    const all = ["/v1/logs", "/v1/metrics", "/v1/traces"];
    await emit(start({ [name]: "none" }, { metrics: counted().registry }));
    expect([...receiver.paths].sort()).toEqual(all.filter((one) => one !== path));
  });

  test.each([
    ["OTEL_TRACES_EXPORTER", "/v1/traces"],
    ["OTEL_METRICS_EXPORTER", "/v1/metrics"],
    ["OTEL_LOGS_EXPORTER", "/v1/logs"],
  ])("%s=console prints instead of exporting, and a list does both", async (name, path) => {
    await emit(start({ [name]: "console" }, { metrics: counted().registry }));
    expect(printed).toHaveBeenCalled();
    expect(receiver.paths).not.toContain(path);
    await otel!.shutdown();
    printed.mockClear();
    await emit(start({ [name]: "otlp, console" }, { metrics: counted().registry }));
    expect(printed).toHaveBeenCalled();
    expect(receiver.paths).toContain(path);
  });

  test("an unknown exporter is logged, and the other signals are exported", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    await emit(start({ OTEL_TRACES_EXPORTER: "zipkin" }));
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/OTEL_TRACES_EXPORTER is "zipkin".*otlp and console/));
    expect(receiver.paths).toEqual(["/v1/logs"]);
  });

  test("OTEL_METRICS_EXPORTER=otlp without a registry exports the metrics of OpenTelemetry's API", async () => {
    const handle = start({ OTEL_METRICS_EXPORTER: "otlp" });
    metricsApi.getMeter("test").createCounter("host_work").add(2);
    await handle.flush();
    expect(receiver.metrics.map((metric) => metric.name)).toEqual(["host_work"]);
  });
});

describe("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", () => {
  const named = (push: number, name: string) => receiver.pushes[push]?.find((metric) => metric.name === name);

  test.each(["delta", "lowmemory", "DELTA"])("%s exports the increase since the previous push", async (preference) => {
    const { registry, counter, histogram } = counted();
    const handle = start({ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference }, { metrics: registry });
    await handle.flush();
    counter.inc(4);
    histogram.observe(5);
    histogram.observe(50);
    await handle.flush();
    await handle.flush();
    expect([0, 1].map((push) => named(push, "work_total")?.points[0]?.value)).toEqual([3, 4]);
    expect(named(0, "work_total")).toMatchObject({ cumulative: false, monotonic: true });
    expect(named(1, "work_seconds")?.points).toMatchObject([{ value: 55, count: 2, counts: [0, 1, 1] }]);
    expect(named(2, "work_total")?.points).toEqual([]);
  });

  test("cumulative is the default", async () => {
    const { registry, counter } = counted();
    const handle = start({}, { metrics: registry });
    await handle.flush();
    counter.inc(4);
    await handle.flush();
    expect([0, 1].map((push) => named(push, "work_total")?.points[0]?.value)).toEqual([3, 7]);
  });

  test.each(["cumulative", "delta"])("%s survives a reset of the registry", async (preference) => {
    const { registry, counter } = counted();
    const handle = start({ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference }, { metrics: registry });
    await handle.flush();
    registry.resetMetrics();
    counter.inc(1);
    await handle.flush();
    const [before, after] = [0, 1].map((push) => named(push, "work_total")!.points[0]!);
    expect(after!.value).toBe(1);
    expect(after!.startedAt).toBeGreaterThan(before!.startedAt);
  });
});

describe("the resource", () => {
  const resource = async (env: Record<string, string>): Promise<Record<string, unknown>> => {
    vi.stubEnv("OTEL_RESOURCE_ATTRIBUTES", "team=media");
    vi.stubEnv("OTEL_SERVICE_NAME", "shop");
    await emit(start(env));
    return receiver.resources[0]!;
  };

  test("has the host name and the attributes of the environment by default", async () => {
    const found = await resource({});
    expect(found).toMatchObject({ "host.name": hostname(), team: "media", "service.name": "shop" });
    expect(found).not.toHaveProperty("process.runtime.name");
  });

  test("has the attributes of OTEL_NODE_RESOURCE_DETECTORS and always those of the environment", async () => {
    const found = await resource({ OTEL_NODE_RESOURCE_DETECTORS: "process,os" });
    expect(found).toMatchObject({ "process.pid": process.pid, team: "media", "service.name": "shop" });
    expect(found).toHaveProperty("process.runtime.name");
    expect(found).toHaveProperty("os.type");
    expect(found).not.toHaveProperty("host.name");
  });

  test("has no detected attributes with none, and all of them with all", async () => {
    expect(await resource({ OTEL_NODE_RESOURCE_DETECTORS: "none" })).not.toHaveProperty("host.name");
    await otel!.shutdown();
    receiver.resources.length = 0;
    const found = await resource({ OTEL_NODE_RESOURCE_DETECTORS: "all" });
    for (const name of ["host.name", "os.type", "process.runtime.name", "service.instance.id"])
      expect(found).toHaveProperty([name]);
  });
});

describe("sampling", () => {
  test.each([
    [{ OTEL_TRACES_SAMPLER: "always_off" }, 0],
    [{ OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" }, 0],
    [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "1" }, 1],
    [{}, 1],
  ])("%j exports %i spans", async (env, sampled) => {
    await emit(start(env));
    expect(receiver.spans).toHaveLength(sampled);
  });

  test.each([
    ["always_off", 0],
    ["always_on", 1],
  ])("with %s, log records have the trace flags of their spans", async (sampler, flags) => {
    const handle = start({ OTEL_TRACES_SAMPLER: sampler });
    await using flame = createFlame({ mode: "local", logger: handle.logger });
    const failing = flame.fn(
      "failing",
      defineMethod("default", async (ctx) => {
        ctx.logger.info("in the handler");
        throw new Error("on purpose");
      }),
    );
    await failing().catch(() => {});
    await handle.flush();
    const records = receiver.logs.filter((record) => record.traceId !== "");
    expect(records.map((record) => record.event).toSorted()).toEqual([
      "",
      "rpc.client.call.exception",
      "rpc.server.call.exception",
    ]);
    expect(records.map((record) => record.flags)).toEqual([flags, flags, flags]);
    expect(records.flatMap((record) => Object.keys(record.attributes))).not.toContain("trace_flags");
  });
});

describe("other variables", () => {
  test("OTEL_SDK_DISABLED exports nothing", async () => {
    await emit(start({ OTEL_SDK_DISABLED: "TRUE" }, { metrics: counted().registry }));
    expect(receiver.paths).toEqual([]);
  });

  test("OTEL_PROPAGATORS selects the propagators", () => {
    const inject = (): ReadonlyArray<string> => {
      const carrier = {};
      const parent = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 };
      propagation.inject(trace.setSpanContext(ROOT_CONTEXT, parent), carrier);
      return Object.keys(carrier);
    };
    start({ OTEL_PROPAGATORS: "b3" });
    expect(inject()).toEqual(["b3"]);
  });

  test("OTEL_PROPAGATORS=none disables propagation, and an unknown propagator is logged and ignored", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    start({ OTEL_PROPAGATORS: "none" });
    expect(propagation.fields()).toEqual([]);
    await otel!.shutdown();
    start({ OTEL_PROPAGATORS: "tracecontext,xray" });
    expect(propagation.fields()).toEqual(["traceparent", "tracestate"]);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('"xray"'));
  });

  test("attribute limits truncate values and drop attributes", async () => {
    const handle = start({ OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3", OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "1" });
    span("work", { one: "abcdef", two: "x" });
    handle.logger.info("said", { long: "abcdef" });
    await handle.flush();
    expect(receiver.spans[0]?.attributes).toEqual({ one: "abc" });
    expect(receiver.logs[0]?.attributes).toEqual({ long: "abc" });
  });

  test("batch sizes and delays apply to spans and log records", async () => {
    const handle = start({
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "2",
      OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: "2",
      OTEL_BSP_SCHEDULE_DELAY: "20",
      OTEL_BLRP_SCHEDULE_DELAY: "20",
    });
    for (let count = 0; count < 6; count++) {
      span();
      handle.logger.info("said");
    }
    await vi.waitFor(() => expect([receiver.spans.length, receiver.logs.length]).toEqual([6, 6]), 5_000);
    expect([...receiver.paths].sort()).toEqual([...Array(3).fill("/v1/logs"), ...Array(3).fill("/v1/traces")]);
  });

  test("endpoints, headers and compression apply per signal", async () => {
    const handle = start({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/only/v1/traces`,
      OTEL_EXPORTER_OTLP_HEADERS: "x-all=1",
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: "x-logs=2",
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "gzip",
    });
    span();
    handle.logger.info("said");
    await handle.flush();
    const headers = Object.fromEntries(receiver.paths.map((path, index) => [path, receiver.headers[index]]));
    expect(headers["/only/v1/traces"]).toMatchObject({ "x-all": "1", "content-encoding": "gzip" });
    expect(headers["/v1/logs"]).toMatchObject({ "x-all": "1", "x-logs": "2" });
  });
});
