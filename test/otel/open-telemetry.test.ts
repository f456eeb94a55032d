import { context, trace } from "@opentelemetry/api";
import { logs } from "@opentelemetry/api-logs";
import { Effect } from "effect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { flushAll } from "../../src/contract/process/flush.ts";
import { type OpenTelemetryOptions, type OtelHandle, startOpenTelemetry } from "../../src/otel/index.ts";
import { makeLogSink } from "../../src/telemetry/logs.ts";
import { makeOtelTracer } from "../../src/telemetry/opentelemetry.ts";
import { makeMetrics } from "../../src/telemetry/prometheus.ts";
import { startReceiver } from "./otlp-receiver.ts";

let receiver: Awaited<ReturnType<typeof startReceiver>>;
let otel: OtelHandle | undefined;
const start = (options: OpenTelemetryOptions = {}): OtelHandle =>
  (otel = startOpenTelemetry({ endpoint: receiver.url, ...options }));
const tracer = makeOtelTracer({ baggageKeys: [], enabled: true });
const call = () =>
  Effect.runPromise(
    tracer.stage({ _tag: "call", method: "billing/charge", facts: {}, host: tracer.capture() }, (span) =>
      Effect.succeed(span.ids),
    ),
  );

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await otel?.shutdown();
  otel = undefined;
  vi.unstubAllEnvs();
  await receiver[Symbol.asyncDispose]();
});

describe("startOpenTelemetry", () => {
  test("exports spans over OTLP protobuf, with the runner's resource", async () => {
    vi.stubEnv("FLAME_RUNNER_ID", "runner-7");
    vi.stubEnv("FLAME_POOL", "gpu");
    vi.stubEnv("FLAME_BACKEND", "process");
    vi.stubEnv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=parent,team=media");
    const handle = start({ serviceName: "shop", headers: { "x-api-key": "k" } });
    const ids = await call();
    await handle.flush();
    expect(receiver.spans).toMatchObject([
      { name: "billing/charge", traceId: ids?.traceId, spanId: ids?.spanId, parentSpanId: "" },
    ]);
    expect(receiver.paths).toEqual(["/v1/traces"]);
    expect(receiver.headers[0]).toMatchObject({ "x-api-key": "k", "content-type": "application/x-protobuf" });
    expect(receiver.resources[0]).toMatchObject({
      "service.name": "shop",
      "service.instance.id": "runner-7",
      "flame.pool.name": "gpu",
      "flame.runner.backend": "process",
      team: "media",
    });
  });

  test("exports to OTEL_EXPORTER_OTLP_ENDPOINT by default", async () => {
    vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", `${receiver.url}/collector`);
    start({ endpoint: undefined });
    await call();
    await otel?.flush();
    expect(receiver.paths).toEqual(["/collector/v1/traces"]);
  });

  test("exports Firelight's log records with their trace, in addition to the configured logger", async () => {
    start();
    const told: Array<string> = [];
    const tell = (message: string) => void told.push(message);
    const sink = makeLogSink({ info: tell, warn: tell, error: tell });
    const span = { traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true };
    sink.emit({
      _tag: "RetryScheduled",
      method: "m/x",
      pool: "p",
      invocationId: "i",
      nextAttempt: 2,
      delayMs: 5,
      reason: "timeout",
      span,
    });
    await otel?.flush();
    const message = "Retrying m/x in 5.0 ms (attempt 2): timeout";
    expect(told).toEqual([message]);
    expect(receiver.logs).toEqual([
      {
        body: message,
        severity: "INFO",
        event: "flame.retry.scheduled",
        traceId: span.traceId,
        flags: 1,
        attributes: expect.objectContaining({
          "rpc.method": "m/x",
          "flame.pool.name": "p",
          "flame.retry.next_attempt": 2,
        }),
      },
    ]);
  });

  test("exports a record once if its logger is also the configured one", async () => {
    const handle = start();
    makeLogSink(handle.logger).emit({ _tag: "PoolScaled", pool: "p", from: 0, to: 1, reason: "demand" });
    await handle.flush();
    expect(receiver.logs).toHaveLength(1);
  });

  test("keeps the active span across asynchronous steps", async () => {
    start();
    const seen = await trace.getTracer("host").startActiveSpan("host", async (span) => {
      await new Promise((resolve) => setImmediate(resolve));
      return trace.getActiveSpan() === span;
    });
    expect(seen).toBe(true);
  });

  test("flushes on flushAll until it is shut down", async () => {
    const handle = start();
    await call();
    await flushAll(5_000);
    expect(receiver.spans).toHaveLength(1);
    await call();
    await handle.shutdown();
    expect(receiver.spans).toHaveLength(2);
    await flushAll(5_000);
    expect(receiver.spans).toHaveLength(2);
  });

  test("returns the same handle until shutdown, and a new one afterwards", async () => {
    const first = start();
    expect(startOpenTelemetry({ serviceName: "other" })).toBe(first);
    await first.shutdown();
    expect(await call()).toBeUndefined();
    expect(start()).not.toBe(first);
    expect(await call()).toMatchObject({ sampled: true });
  });

  test("removes its signal handlers and globals on shutdown", async () => {
    const before = [process.listenerCount("SIGTERM"), process.listenerCount("beforeExit")];
    const noLogs = logs.getLoggerProvider();
    const handle = start();
    expect([process.listenerCount("SIGTERM"), process.listenerCount("beforeExit")]).toEqual(
      before.map((count) => count + 1),
    );
    await handle.shutdown();
    expect([process.listenerCount("SIGTERM"), process.listenerCount("beforeExit")]).toEqual(before);
    expect(logs.getLoggerProvider().constructor).toBe(noLogs.constructor);
    expect(context.active().getValue(Symbol.for("x"))).toBeUndefined();
  });

  test("does nothing with OTEL_SDK_DISABLED", async () => {
    vi.stubEnv("OTEL_SDK_DISABLED", "true");
    start();
    expect(await call()).toBeUndefined();
    await otel?.flush();
    expect(receiver.paths).toEqual([]);
  });

  test("pushes the metrics of a registry with the registry's values and the catalog's units", async () => {
    const metrics = makeMetrics();
    const phases = { acquire: 1, encode: 0, network: 0, runner_queue: 0, handler: 29, decode: 0, backoff: 0, other: 0 };
    metrics.watchPool("gpu", () => ({
      pending: 3,
      runners: { booting: 0, idle: 1, busy: 2, draining: 0, ejected: 0 },
      slotsUsed: 2,
      slotsProvisioned: 3,
      slotsLimit: 8,
      slotBusySeconds: 12.5,
      slotAvailableSeconds: 40,
    }));
    const ended = {
      method: "billing/charge",
      pool: "gpu",
      attempts: 1,
      phases,
      error: undefined,
      invocationId: "i",
      span: undefined,
    };
    metrics.emit({ _tag: "CallEnded", ...ended, durationMs: 30 });
    metrics.emit({ _tag: "CallEnded", ...ended, durationMs: 700_000 });
    await metrics.text();
    start({ metrics, metricsIntervalMs: 60_000 });
    await otel?.flush();
    const named = (name: string) => receiver.metrics.find((metric) => metric.name === name)!;

    expect(named("rpc_client_call_duration_seconds")).toMatchObject({ unit: "s", kind: "histogram", cumulative: true });
    expect(named("rpc_client_call_duration_seconds").points).toEqual([
      {
        attributes: {
          rpc_system_name: "flame",
          rpc_method: "billing/charge",
          rpc_status_code: "OK",
          flame_pool_name: "gpu",
        },
        startedAt: expect.any(Number),
        value: 700.03,
        count: 2,
        bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300],
        counts: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      },
    ]);
    expect(named("flame_pool_slot_busy_seconds_total")).toMatchObject({
      unit: "s",
      kind: "sum",
      monotonic: true,
      cumulative: true,
      points: [{ attributes: { flame_pool_name: "gpu" }, value: 12.5 }],
    });
    expect(named("flame_pool_pending_requests")).toMatchObject({
      unit: "{call}",
      kind: "gauge",
      points: [{ value: 3 }],
    });
    expect(named("flame_runner_terminations_total").points).toHaveLength(7);
    expect(receiver.metrics.map((metric) => metric.name)).not.toContain("flame_runner_terminations");
  });
});
