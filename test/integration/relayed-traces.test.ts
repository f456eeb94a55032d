/** Runners without an OpenTelemetry SDK, and parents that record nothing: the trace goes on through them. */
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { node, tracing } from "@opentelemetry/sdk-node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { flame } from "../../src/index.ts";
import { InProcess, InWorker } from "./fixtures/isolated-services.ts";
import { withRunners } from "./setup.ts";

const exporter = new tracing.InMemorySpanExporter();

beforeEach(() => {
  exporter.reset();
  trace.setGlobalTracerProvider(
    new node.NodeTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(exporter)] }),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});

afterEach(() => {
  trace.disable();
  context.disable();
});

const withBaggage = <A>(run: () => A): A =>
  context.with(propagation.setBaggage(context.active(), propagation.createBaggage({ tenant: { value: "acme" } })), run);

const start = (traces: boolean) =>
  withRunners({}, { runner: "isolated-runner", config: { telemetry: { traces, baggageKeys: ["tenant"] } } });

test("without an SDK, a runner's handlers and isolates, and calls made there, belong to the caller's attempt", async () => {
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
  expect(await flame.metrics(), "nobody waits for spans that were never made").toMatch(
    /flame_telemetry_spans_total\{[^}]*outcome="reported"[^}]*\} 0\n/,
  );
});

test("a parent with traces: false makes no spans, and hands on the one that is active", async () => {
  await start(false);
  const host = trace.getTracer("host").startSpan("host");
  const told = await context.with(trace.setSpan(context.active(), host), () => withBaggage(() => InWorker.told()));
  const { traceId, spanId } = host.spanContext();
  expect(told).toMatchObject({ traceparent: `00-${traceId}-${spanId}-01`, baggage: "tenant=acme" });
  expect(exporter.getFinishedSpans()).toEqual([]);
});
