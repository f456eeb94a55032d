import { describe, expect, test } from "vitest";
import { resolvePool } from "../../src/contract/resolve-pool.ts";

describe("orphanTimeoutMs", () => {
  test("is a minute unless it is set, and may be for ever", () => {
    expect(resolvePool("p", {}, undefined).orphanTimeoutMs).toBe(60_000);
    expect(resolvePool("p", { orphanTimeoutMs: Infinity }, undefined).orphanTimeoutMs).toBe(Infinity);
  });

  test.each([0, 99, -1, Number.NaN])("is refused as %s", (orphanTimeoutMs) => {
    expect(() => resolvePool("p", { orphanTimeoutMs }, undefined)).toThrow(
      `pools.p.orphanTimeoutMs is ${orphanTimeoutMs}. Use a number of milliseconds, 100 or more, or Infinity.`,
    );
  });
});

describe("panicThreshold", () => {
  const fixed = (count: number, panicThreshold?: number) => ({
    runners: Array.from({ length: count }, (_, n) => ({ url: `http://10.0.0.${n}:1` })),
    panicThreshold,
  });
  const resolved = (...given: Parameters<typeof fixed>) =>
    resolvePool("p", fixed(...given), undefined).bounds.panicThreshold;

  test("is a half where there are enough runners for shares to mean something", () => {
    expect([1, 4, 5, 12].map((count) => resolved(count))).toEqual([0, 0, 0.5, 0.5]);
    expect([resolved(3, 0.7), resolved(12, 0)]).toEqual([0.7, 0]);
  });

  test.each([-0.1, 1.1, 50, Number.NaN])("is refused as %s", (threshold) => {
    expect(() => resolved(5, threshold)).toThrow(`pools.p.panicThreshold is ${threshold}. Use a share`);
  });
});
