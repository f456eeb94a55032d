import { describe, expect, test } from "vitest";
import type { PoolConfig } from "../../../src/contract/config/options.ts";
import { resolveConfig } from "../../../src/contract/config/resolve-config.ts";

const resolve = (pool: PoolConfig) => resolveConfig({ pools: { p: pool } }, {}).pools.get("p")!;

describe("orphanTimeoutMs", () => {
  test("defaults to one minute and may be Infinity", () => {
    expect(resolve({}).orphanTimeoutMs).toBe(60_000);
    expect(resolve({ orphanTimeoutMs: Infinity }).orphanTimeoutMs).toBe(Infinity);
  });

  test.each([0, 99, -1, Number.NaN])("rejects %s", (orphanTimeoutMs) => {
    expect(() => resolve({ orphanTimeoutMs })).toThrow(
      `pools.p.orphanTimeoutMs is ${orphanTimeoutMs}. Use a number of milliseconds, 100 or more, or Infinity.`,
    );
  });
});

describe("panicThreshold", () => {
  const fixed = (count: number, panicThreshold?: number) => ({
    runners: Array.from({ length: count }, (_, n) => ({ url: `http://10.0.0.${n}:1` })),
    panicThreshold,
  });
  const resolved = (...given: Parameters<typeof fixed>) => resolve(fixed(...given)).bounds.panicThreshold;

  test("defaults to 0.5 for pools of five or more runners and to 0 for smaller ones", () => {
    expect([1, 4, 5, 12].map((count) => resolved(count))).toEqual([0, 0, 0.5, 0.5]);
    expect([resolved(3, 0.7), resolved(12, 0)]).toEqual([0.7, 0]);
  });

  test.each([-0.1, 1.1, 50, Number.NaN])("rejects %s", (threshold) => {
    expect(() => resolved(5, threshold)).toThrow(`pools.p.panicThreshold is ${threshold}. Use a share`);
  });
});
