import { expect, test } from "vitest";
import { busyMs, watchOthers } from "../../bench/harness/machine.ts";

test("counts the time that processors worked or were taken away, without idle time and waits for disks", () => {
  const stat = "cpu  100 20 30 4000 500 6 7 8 900 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
  expect(busyMs(stat)).toBe((100 + 20 + 30 + 6 + 7 + 8) * 10);
});

test("attributes nothing to others when the measured processes account for all of the time", () => {
  const othersSince = watchOthers();
  expect(othersSince(Infinity)).toBe(process.platform === "linux" ? 0 : undefined);
});
