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
