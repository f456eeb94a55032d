/** Runners without an OpenTelemetry SDK and parents with traces: false pass the trace context on. */
import { context, propagation, trace } from "@opentelemetry/api";
import type { tracing } from "@opentelemetry/sdk-node";
import { beforeEach, expect, test } from "vitest";
import { flame } from "../../src/index.ts";
import { InProcess, InWorker } from "./fixtures/isolated-services.ts";
import { recordSpans } from "./record-spans.ts";
import { withRunners } from "./setup.ts";

let exporter: tracing.InMemorySpanExporter;

beforeEach(() => {
  exporter = recordSpans();
});

const withBaggage = <A>(run: () => A): A =>
  context.with(propagation.setBaggage(context.active(), propagation.createBaggage({ tenant: { value: "acme" } })), run);

const start = (traces: boolean) =>
  withRunners({}, { runner: "isolated-runner", config: { telemetry: { traces, baggageKeys: ["tenant"] } } });

test("a runner without an SDK passes the caller's attempt as trace context to handlers, isolates and nested calls", async () => {
  await start(true);
  for (const call of [() => InWorker.told(), () => InProcess.told(), () => InWorker.tellNested()]) {
    exporter.reset();
    const told = await withBaggage(call);
    const attempt = exporter
      .getFinishedSpans()
      .find(({ name }) => name === "flame.attempt")!
      .spanContext();
    expect(told.traceparent).toBe(`00-${attempt.traceId}-${attempt.spanId}-01`);
  }
  expect((await withBaggage(() => InWorker.told())).baggage).toBe("tenant=acme");
  expect(await flame.metrics(), "counts no spans when the runner has no SDK").toMatch(
    /flame_telemetry_spans_total\{[^}]*outcome="reported"[^}]*\} 0\n/,
  );
});

test("a parent with traces: false creates no spans and passes on the active one", async () => {
  await start(false);
  const host = trace.getTracer("host").startSpan("host");
  const told = await context.with(trace.setSpan(context.active(), host), () => withBaggage(() => InWorker.told()));
  const { traceId, spanId } = host.spanContext();
  expect(told).toMatchObject({ traceparent: `00-${traceId}-${spanId}-01`, baggage: "tenant=acme" });
  expect(exporter.getFinishedSpans()).toEqual([]);
});
