import { SpanKind } from "@opentelemetry/api";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { createFlame } from "../../../src/index.ts";
import { forget, record, type RecordedSpan } from "../../telemetry/recorded-spans.ts";

afterEach(forget);

const outcomeOf = (span: RecordedSpan): unknown => span.attributes["flame.idempotency.outcome"];

test("each request with an idempotency key has a server span with its outcome, and one has a handler span", async () => {
  const recorder = record();
  const flame = createFlame({ mode: "local", logger: { info: () => {}, warn: () => {}, error: () => {} } });
  onTestFinished(() => flame.shutdown());
  const started = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string>();
  const { run } = flame.service("test", {
    run: (_amount: number) => {
      started.resolve();
      return ended.promise;
    },
  });
  const keyed = run.with({ idempotencyKey: "never recorded" });
  const caller = new AbortController();
  const first = run
    .with({ idempotencyKey: "never recorded", signal: caller.signal })(1)
    .catch(() => {});
  await started.promise;
  const second = keyed(1);
  caller.abort();
  await first;
  ended.resolve("done");
  await second;
  await keyed(1);
  await keyed(2).catch(() => {});

  const spans = recorder.exporter.getFinishedSpans();
  const servers = spans.filter(({ kind }) => kind === SpanKind.SERVER);
  expect(servers.map(outcomeOf)).toEqual(["executed", "joined", "replayed", "conflict"]);
  expect(servers.map((span) => span.attributes["rpc.status_code"] ?? "OK")).toEqual([
    "CANCELLED",
    "OK",
    "OK",
    "INVALID_ARGUMENT",
  ]);
  const handler = recorder.span("flame.handler");
  expect(handler.parentSpanContext?.spanId).toBe(servers[0]?.spanContext().spanId);
  expect(handler.attributes["rpc.status_code"] ?? "OK").toBe("OK");
  expect(JSON.stringify(spans.map(({ attributes, status, events }) => [attributes, status, events]))).not.toContain(
    "never recorded",
  );
  expect(await flame.metrics()).toContain(
    'flame_idempotency_requests_total{flame_pool_name="default",outcome="joined"} 1',
  );
});
