import { expect, test } from "vitest";
import { logqlNames, traceqlNames } from "./search-languages.ts";

test("TraceQL: attributes with their dots, words apart, nothing from strings", () => {
  const { attributes, words } = traceqlNames(
    '{ span.rpc.method =~ "a.b|c" && kind = client && (resource.service.name = "x" || .flame.pool.name != nil) } | select(span.flame.phase.acquire_ms) | avg(duration) > 1.5s',
  );
  expect(attributes).toEqual(["rpc.method", "service.name", "flame.pool.name", "flame.phase.acquire_ms"]);
  expect(words).toEqual(["kind", "client", "nil", "select", "avg", "duration"]);
});

test("LogQL: labels of streams, of filters and of groups", () => {
  expect(
    logqlNames(
      'sum by (level, rpc_method) (rate({service_name=~".+"} | rpc_method=~"a=b" | flame_duration_ms > 5 [5m]))',
    ).attributes,
  ).toEqual(["service_name", "rpc_method", "flame_duration_ms", "level", "rpc_method"]);
});

test("halves of brackets and strings are errors", () => {
  expect(() => traceqlNames('{ span.a = "b }')).toThrow("string does not end");
  expect(() => traceqlNames("{ (span.a = 1 }")).toThrow("bracket");
  expect(() => traceqlNames("span.a = 1")).toThrow("in braces");
  expect(() => logqlNames('{a="b"')).toThrow("missing");
  expect(() => logqlNames("rate(a)")).toThrow("selects streams");
});
