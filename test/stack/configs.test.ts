/** The collector validates its configs, merged as users merge them. */
import { describe, expect, test } from "vitest";
import { haveCollector, validate } from "./running-collector.ts";

describe.skipIf(!haveCollector)("a real collector", () => {
  test.each([
    ["one tier", ["collector.yaml"]],
    ["one tier, into a file", ["collector.yaml", "collector-file.yaml"]],
    ["one tier in Kubernetes", ["collector.yaml", "collector-kubernetes.yaml"]],
    ["the first of two tiers", ["collector-balancer.yaml"]],
    ["the first of two tiers in Kubernetes", ["collector-balancer.yaml", "collector-kubernetes.yaml"]],
  ])("accepts %s", (_what, configs) => {
    expect(() => validate(configs)).not.toThrow();
  });

  test("accepts other values for every setting", () => {
    const settings = {
      FIRELIGHT_BIND: "127.0.0.1",
      FIRELIGHT_OTLP_GRPC_PORT: "14317",
      FIRELIGHT_OTLP_HTTP_PORT: "14318",
      FIRELIGHT_SAMPLE_PERCENT: "0.5",
      FIRELIGHT_SLOW_MS: "250",
      FIRELIGHT_DECISION_WAIT: "5s",
      FIRELIGHT_DECISION_WAIT_AFTER_ROOT: "1s",
      FIRELIGHT_METRICS_FLUSH: "5s",
      FIRELIGHT_COLLECTORS: '["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]',
    };
    expect(() => validate(["collector.yaml"], settings)).not.toThrow();
    expect(() => validate(["collector-balancer.yaml"], settings)).not.toThrow();
  });

  test("rejects an invalid setting with an error that names it", () => {
    expect(() => validate(["collector.yaml"], { FIRELIGHT_SLOW_MS: "soon" })).toThrow(/threshold_ms/);
  });
});
