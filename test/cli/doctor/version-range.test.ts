import { describe, expect, test } from "vitest";
import { isInRange } from "../../../src/cli/doctor/version-range.ts";

describe("isInRange", () => {
  test.each([
    ["1.9.0", ">=1.9.0 <2", true],
    ["1.10.1", ">=1.9.0 <2", true],
    ["2.0.0", ">=1.9.0 <2", false],
    ["1.8.9", ">=1.9.0 <2", false],
    ["24.21.0", ">=22.19.0", true],
    ["22.18.9", ">=22.19.0", false],
    ["0.223.0-rc.1", ">=0.203.0 <1", true],
  ])("%s in %s: %s", (version, range, within) => {
    expect(isInRange(version, range)).toBe(within);
  });
});
