/** One trace across two real processes, recorded by an SDK in each. */
import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { core, type tracing } from "@opentelemetry/sdk-node";
import { Effect } from "effect";
import { beforeEach, expect, test } from "vitest";
import { flame } from "../../src/index.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { plainSpan, type PlainSpan } from "./plain-span.ts";
import { recordSpans } from "./record-spans.ts";
import { notes, withRunners } from "./setup.ts";

const Recorded = flame.service("recorded", { spans: async (): Promise<ReadonlyArray<PlainSpan>> => [] });

let exporter: tracing.InMemorySpanExporter;

beforeEach(() => {
  exporter = recordSpans();
  propagation.setGlobalPropagator(new core.W3CBaggagePropagator());
});

const tracedRunners = (pool = {}) =>
  withRunners(pool, { runner: "traced-runner", config: { telemetry: { baggageKeys: ["tenant"] } } });

const parentSpans = (): ReadonlyArray<PlainSpan> => exporter.getFinishedSpans().map(plainSpan);

/** Spans of the runner, without those of fetching them. */
const runnerSpans = async (): Promise<ReadonlyArray<PlainSpan>> =>
  (await Recorded.spans()).filter((span) => span.attributes["rpc.method"] !== "recorded/spans");

const only = (spans: ReadonlyArray<PlainSpan>, matching: (span: PlainSpan) => boolean): PlainSpan => {
  const found = spans.filter(matching);
  expect(found, `one of ${spans.map((span) => span.name).join(", ")}`).toHaveLength(1);
  return found[0]!;
};

const named = (name: string, kind?: SpanKind) => (span: PlainSpan) =>
  span.name === name && (kind === undefined || span.kind === kind);

test("host, call, attempt, server and handler spans form one trace, each the child of the previous one", async () => {
  await tracedRunners();
  await Probe.whoami();
  exporter.reset();
  await trace.getTracer("host").startActiveSpan("host", async (host) => {
    await Probe.add(1, 2);
    host.end();
  });
  const spans = parentSpans();
  const host = only(spans, named("host"));
  const call = only(spans, named("probe/add", SpanKind.CLIENT));
  const attempt = only(spans, named("flame.attempt"));
  const onRunner = (await runnerSpans()).filter((span) => span.traceId === host.traceId);
  const server = only(onRunner, named("probe/add", SpanKind.SERVER));
  const handler = only(onRunner, named("flame.handler"));
  expect([call, attempt, server, handler].map((span) => span.parentSpanId)).toEqual([
    host.spanId,
    call.spanId,
    attempt.spanId,
    server.spanId,
  ]);
  expect(spans.map((span) => span.name).toSorted()).toEqual(["flame.attempt", "host", "probe/add"]);
  for (const span of [call, attempt, server, handler]) expect(span.status).toBe(SpanStatusCode.UNSET);
  expect(call.attributes).toMatchObject({
    "rpc.system.name": "flame",
    "rpc.status_code": "OK",
    "flame.attempt.count": 1,
  });
  expect(call.attributes).not.toHaveProperty("error.type");
});

test("the phases on a call span sum to its duration", async () => {
  await tracedRunners();
  for (let turn = 0; turn < 20; turn++) await Probe.slow(20);
  const calls = exporter.getFinishedSpans().filter((span) => span.name === "probe/slow");
  expect(calls).toHaveLength(20);
  const differences = calls.map(({ attributes, duration: [seconds, nanoseconds] }) => {
    const phases = Object.entries(attributes).filter(([name]) => name.startsWith("flame.phase."));
    expect(phases).toHaveLength(8);
    expect(attributes["flame.phase.handler_ms"]).toBeGreaterThanOrEqual(19);
    const sum = phases.reduce((total, [, value]) => total + (value as number), 0);
    return Math.abs(seconds * 1e3 + nanoseconds / 1e6 - sum);
  });
  // The process may wait for the processor between a span's end and its last phase, but not in each of the calls.
  expect(Math.min(...differences), "milliseconds between duration and sum").toBeLessThan(2);
});

test("the acquire span of a cold call links to the boot span, which links back to the call", async () => {
  await tracedRunners();
  await Probe.add(1, 2);
  const spans = parentSpans();
  const call = only(spans, named("probe/add"));
  const acquire = only(spans, named("flame.pool.acquire"));
  const boot = only(spans, named("flame.runner.boot"));
  expect(acquire.parentSpanId).toBe(call.spanId);
  expect(acquire.links).toEqual([boot.spanId]);
  expect(acquire.attributes).toMatchObject({ "flame.acquire.result": "acquired", "flame.acquire.source": "cold" });
  expect(boot.parentSpanId).toBeUndefined();
  expect(boot.traceId).not.toBe(call.traceId);
  expect(boot.links).toEqual([call.spanId]);
  expect(call.attributes["flame.cold_start"]).toBe(true);
});

test("the acquire span of a queued call links to the calls that hold the slots", async () => {
  await tracedRunners({ max: 1 });
  await Probe.whoami();
  exporter.reset();
  await Promise.all([Probe.slow(100), Probe.add(1, 2)]);
  const spans = parentSpans();
  const acquire = only(spans, named("flame.pool.acquire"));
  expect(acquire.links).toEqual([only(spans, named("probe/slow")).spanId]);
  expect(acquire.attributes).toMatchObject({ "flame.acquire.source": "queued", "flame.pool.queue_depth": 0 });
});

test("instrumented code in a handler has the handler's span as parent and sees the baggage", async () => {
  await tracedRunners();
  const baggage = propagation.createBaggage({ tenant: { value: "t-1" }, internal: { value: "stays here" } });
  const where = await context.with(propagation.setBaggage(context.active(), baggage), () => Probe.where());
  const handler = only(await runnerSpans(), named("flame.handler"));
  expect(where).toMatchObject({ traceId: handler.traceId, spanId: handler.spanId, baggage: "t-1" });
  await Probe.traced("user work");
  const spans = await runnerSpans();
  const user = only(spans, named("user work"));
  expect(user.parentSpanId).toBe(
    only(spans, (span) => span.name === "flame.handler" && span.traceId === user.traceId).spanId,
  );
});

test("a retried call has a span per attempt, with the retry reason and an error status on the lost one", async () => {
  await tracedRunners({ max: 2 });
  await Probe.dieFirst.with({ retry: { maxAttempts: 2, baseDelayMs: 5 } })();
  const spans = parentSpans();
  const call = only(spans, named("probe/dieFirst"));
  const [first, second] = spans
    .filter(named("flame.attempt"))
    .toSorted((a, b) => Number(a.attributes["flame.attempt.number"]) - Number(b.attributes["flame.attempt.number"]));
  expect(first).toMatchObject({ status: SpanStatusCode.ERROR, parentSpanId: call.spanId });
  expect(first!.attributes).toMatchObject({ "error.type": "UNAVAILABLE", "flame.attempt.kind": "first" });
  expect(second).toMatchObject({ status: SpanStatusCode.UNSET, parentSpanId: call.spanId });
  expect(second!.attributes).toMatchObject({
    "flame.attempt.kind": "retry",
    "flame.retry.reason": "transport_error, executed: unknown",
  });
  expect(second!.attributes["flame.runner.id"]).not.toBe(first!.attributes["flame.runner.id"]);
  expect(only(spans, named("flame.retry.backoff")).parentSpanId).toBe(call.spanId);
  expect(call).toMatchObject({ status: SpanStatusCode.UNSET });
  expect(call.attributes["flame.attempt.count"]).toBe(2);
  const server = only(await runnerSpans(), named("probe/dieFirst", SpanKind.SERVER));
  expect(server.parentSpanId).toBe(second!.spanId);
});

const statusOf = (name: string) => {
  const call = only(parentSpans(), (span) => span.name === name && span.kind === SpanKind.CLIENT);
  return { status: call.status, type: call.attributes["error.type"], events: call.events };
};

test("spans have the right status after a typed failure, a defect, a timeout, an abort and a lost race", async () => {
  await tracedRunners({ maxConcurrency: 4 });
  await Probe.whoami();

  await Probe.decline().catch(() => {});
  expect(statusOf("probe/decline")).toEqual({ status: SpanStatusCode.ERROR, type: "UNKNOWN", events: [] });

  await Probe.crash().catch(() => {});
  expect(statusOf("probe/crash")).toEqual({ status: SpanStatusCode.ERROR, type: "UNKNOWN", events: [] });

  exporter.reset();
  await Probe.slow
    .with({ timeoutMs: 1_000 })(60_000)
    .catch(() => {});
  expect(statusOf("probe/slow")).toEqual({ status: SpanStatusCode.ERROR, type: "DEADLINE_EXCEEDED", events: [] });

  exporter.reset();
  const { file, lines } = notes();
  const controller = new AbortController();
  const aborted = Probe.slow
    .with({ signal: controller.signal })(60_000, file)
    .catch(() => {});
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  controller.abort();
  await aborted;
  expect(statusOf("probe/slow")).toEqual({ status: SpanStatusCode.ERROR, type: "CANCELLED", events: [] });

  exporter.reset();
  const effects = flame.toEffect(Probe);
  const starts = (): number => lines().filter((line) => line.startsWith("start ")).length;
  const started = Effect.promise(() => waitFor(() => starts() === 2, { what: "the loser to start" }));
  const winner = Effect.andThen(started, effects.add(1, 2));
  expect(await Effect.runPromise(Effect.race(effects.slow(60_000, file), winner))).toBe(3);
  await waitFor(() => parentSpans().some(named("probe/slow")), { what: "the span of the losing call" });
  expect(statusOf("probe/slow")).toEqual({ status: SpanStatusCode.ERROR, type: "CANCELLED", events: [] });
  expect(statusOf("probe/add")).toEqual({ status: SpanStatusCode.UNSET, type: undefined, events: [] });

  const failed = await waitFor(
    async () => {
      const spans = (await runnerSpans()).filter(
        (span) => span.kind === SpanKind.SERVER && "error.type" in span.attributes,
      );
      return spans.length >= 5 && spans;
    },
    { what: "the runner to end five failed invocations" },
  );
  expect(failed.map((span) => [span.name, span.attributes["error.type"]])).toEqual([
    ["probe/decline", "UNKNOWN"],
    ["probe/crash", "UNKNOWN"],
    ["probe/slow", "DEADLINE_EXCEEDED"],
    ["probe/slow", "CANCELLED"],
    ["probe/slow", "CANCELLED"],
  ]);
  for (const span of failed) {
    const clientsDoing = span.attributes["error.type"] === "CANCELLED";
    expect(span.status, span.name).toBe(clientsDoing ? SpanStatusCode.UNSET : SpanStatusCode.ERROR);
  }
  const handlers = (await runnerSpans()).filter(
    (span) => span.name === "flame.handler" && "error.type" in span.attributes,
  );
  expect(handlers.every((span) => span.status === SpanStatusCode.ERROR)).toBe(true);
});

test("a nested call continues the handler's trace", async () => {
  await tracedRunners();
  await Probe.nested();
  const call = only(parentSpans(), named("probe/nested"));
  const spans = (await runnerSpans()).filter((span) => span.traceId === call.traceId);
  const outer = only(
    spans,
    (span) => span.name === "flame.handler" && span.attributes["rpc.method"] === "probe/nested",
  );
  const inner = only(spans, named("probe/add", SpanKind.CLIENT));
  expect(inner.parentSpanId).toBe(outer.spanId);
  const innerServer = only(spans, named("probe/add", SpanKind.SERVER));
  expect(innerServer.parentSpanId).toBe(only(spans, named("flame.attempt")).spanId);
});

test("200 concurrent calls have 200 separate traces", async () => {
  await tracedRunners({ max: 2, maxConcurrency: 8 });
  await Promise.all(Array.from({ length: 8 }, () => Probe.slow(5)));
  exporter.reset();
  await Promise.all(Array.from({ length: 200 }, (_, i) => Probe.slow(i % 7)));
  const attempts = new Set(
    parentSpans()
      .filter(named("flame.attempt"))
      .map((span) => span.spanId),
  );
  const traces = new Set(
    parentSpans()
      .filter(named("probe/slow"))
      .map((span) => span.traceId),
  );
  expect(attempts.size).toBe(200);
  expect(traces.size).toBe(200);
  const servers = new Set<string>();
  await waitFor(
    async () => {
      for (const span of await runnerSpans()) {
        if (span.kind === SpanKind.SERVER && attempts.has(span.parentSpanId ?? "")) servers.add(span.parentSpanId!);
      }
      return servers.size === 200;
    },
    { what: "a server span for each attempt, from both runners" },
  );
});
