/** The spans of a map, recorded by an SDK in the caller's process. */
import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { Effect } from "effect";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { createFlame, FlameMethodError } from "../../src/index.ts";
import { forget, record, type RecordedSpan, type Recorder } from "./recorded-spans.ts";

afterEach(forget);

const setup = () => {
  const flame = createFlame({ mode: "local", logger: { info: () => {}, warn: () => {}, error: () => {} } });
  onTestFinished(() => flame.shutdown());
  return flame.service("work", {
    double: async (n: number) => n * 2,
    odd: async (n: number) => {
      if (n % 2 === 0) throw new FlameMethodError("even", `${n} is even`);
      return n;
    },
  });
};

const calls = (recorder: Recorder, name: string): ReadonlyArray<RecordedSpan> =>
  recorder.exporter.getFinishedSpans().filter((span) => span.name === name && span.kind === SpanKind.CLIENT);

describe("the flame.map span", () => {
  test.each([true, false])(
    "is a child of the host's span and the parent of its calls (context manager: %s)",
    async (contextManager) => {
      const recorder = record({ contextManager });
      const work = setup();
      await trace.getTracer("host").startActiveSpan("host", async (host) => {
        await work.double.map([1, 2, 3], { concurrency: 2 });
        host.end();
      });
      const map = recorder.span("flame.map");
      const host = recorder.span("host").spanContext();
      expect(map.parentSpanContext?.spanId).toBe(contextManager ? host.spanId : undefined);
      expect(map.kind).toBe(SpanKind.INTERNAL);
      expect(map.status.code).toBe(SpanStatusCode.UNSET);
      expect(map.attributes).toEqual({
        "rpc.method": "work/double",
        "flame.pool.name": "default",
        "flame.map.items": 3,
        "flame.map.concurrency": 2,
        "flame.map.failed": 0,
      });
      const children = calls(recorder, "work/double");
      expect(children).toHaveLength(3);
      for (const { parentSpanContext, links } of children) {
        expect(parentSpanContext?.spanId).toBe(map.spanContext().spanId);
        expect(links).toEqual([]);
      }
    },
  );

  test("is a child of the span that was active when map was called, not when it is awaited", async () => {
    const recorder = record();
    const work = setup();
    const tracer = trace.getTracer("host");
    const run = tracer.startActiveSpan("here", (span) => {
      span.end();
      return [work.double.map([1])];
    });
    await tracer.startActiveSpan("elsewhere", async (span) => {
      await run[0];
      span.end();
    });
    expect(recorder.span("flame.map").parentSpanContext?.spanId).toBe(recorder.span("here").spanContext().spanId);
  });

  test("is recorded for iterated maps and Effects too", async () => {
    const recorder = record();
    const work = setup();
    for await (const _result of work.double.map([1, 2])) expect(calls(recorder, "flame.map")).toEqual([]);
    await Effect.runPromise(
      createFlame({ mode: "local" })
        .fnEffect("f", (n: number) => n)
        .map([1]),
    );
    expect(recorder.names().filter((name) => name === "flame.map")).toHaveLength(2);
  });

  test("has the number of failed calls, and an error status only if the map fails", async () => {
    const recorder = record();
    const work = setup();
    await work.odd.map([1, 2, 3, 4], { onError: "collect" });
    const collected = recorder.span("flame.map");
    expect(collected.status.code).toBe(SpanStatusCode.UNSET);
    expect(collected.attributes).toMatchObject({ "flame.map.items": 4, "flame.map.failed": 2 });
    recorder.exporter.reset();
    await Promise.allSettled([work.odd.map([1, 2, 3, 4], { concurrency: 1 })]);
    const stopped = recorder.span("flame.map");
    expect(stopped.status.code).toBe(SpanStatusCode.ERROR);
    expect(stopped.attributes).toMatchObject({
      "flame.map.items": 2,
      "flame.map.failed": 1,
      "error.type": "UNKNOWN",
      "flame.error.code": "remote_error",
    });
  });

  test("has at most 1,000 children; each further call starts its own trace, which links to it", async () => {
    const recorder = record();
    const work = setup();
    await work.double.map(Array.from({ length: 1_003 }, (_item, n) => n));
    const map = recorder.span("flame.map").spanContext();
    const all = calls(recorder, "work/double");
    const children = all.filter((span) => span.parentSpanContext?.spanId === map.spanId);
    const apart = all.filter((span) => span.parentSpanContext === undefined);
    expect([children.length, apart.length]).toEqual([1_000, 3]);
    expect(new Set([map.traceId, ...apart.map((span) => span.spanContext().traceId)]).size).toBe(4);
    for (const span of apart) expect(span.links.map(({ context }) => context.spanId)).toEqual([map.spanId]);
    const attempts = recorder.exporter.getFinishedSpans().filter((span) => span.name === "flame.attempt");
    for (const span of apart)
      expect(
        attempts.filter((attempt) => attempt.parentSpanContext?.spanId === span.spanContext().spanId),
      ).toHaveLength(1);
  });
});
