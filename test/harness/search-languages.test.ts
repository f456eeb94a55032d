import { describe, expect, test } from "vitest";
import { logqlLabels } from "./logql.ts";
import { traceqlAttributes } from "./traceql.ts";

describe("traceqlAttributes", () => {
  test("finds attributes in every scope, and none in strings", () => {
    expect(
      traceqlAttributes(
        '{ span.rpc.method =~ "a.b|c" && kind = client && (resource.service.name = "x" || .flame.pool.name != nil) } | select(span.flame.phase.acquire_ms) | avg(duration) > 1.5s',
      ),
    ).toEqual(["rpc.method", "service.name", "flame.pool.name", "flame.phase.acquire_ms"]);
  });

  test.each([
    '{ span.a = "b }',
    "{ (span.a = 1 }",
    "span.a = 1",
    "{ spann.a = 1 }",
    "{ kind = clientt }",
    "{ durations > 1s }",
    "{ true } | selekt(span.a)",
  ])("rejects %s", (query) => {
    expect(() => traceqlAttributes(query)).toThrow("Invalid TraceQL");
  });
});

describe("logqlLabels", () => {
  test("finds labels of streams, filters and groupings, and none in strings", () => {
    expect(
      logqlLabels(
        'sum by (level, rpc_method) (rate({service_name=~".+"} | rpc_method=~"a=b" | flame_duration_ms > 5 [5m]))',
      ),
    ).toEqual(["level", "rpc_method", "service_name", "rpc_method", "flame_duration_ms"]);
  });

  test.each(['{a="b"', "rate(a)", '{a="b} | c="d"', '{a="b"} | c ~ "d"'])("rejects %s", (query) => {
    expect(() => logqlLabels(query)).toThrow("Invalid LogQL");
  });

  test("rejects a query without a stream selector", () => {
    expect(() => logqlLabels("5")).toThrow("without a stream selector");
  });
});
