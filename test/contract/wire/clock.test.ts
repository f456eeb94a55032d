import { afterEach, expect, test } from "vitest";
import { ClockWatch, wallClockMs } from "../../../src/contract/wire/clock.ts";
import { restoreClock, stepClock } from "../../harness/step-clock.ts";

afterEach(restoreClock);

test("wallClockMs follows the system clock, also when it is set", () => {
  for (const stepMs of [0, 5_000, -3_600_000]) {
    stepClock(stepMs);
    const before = Date.now();
    const now = wallClockMs();
    expect(now).toBeGreaterThanOrEqual(before - 2);
    expect(now).toBeLessThanOrEqual(Date.now() + 2);
  }
});

test("ClockWatch reports a clock step once, with its direction", () => {
  const watch = new ClockWatch();
  expect(watch.look()).toBeUndefined();
  stepClock(-3_600_000);
  expect(Math.round(watch.look()! / 1_000)).toBe(-3_600);
  expect(watch.look()).toBeUndefined();
  stepClock(30_000);
  expect(Math.round(watch.look()! / 1_000)).toBe(30);
});

test("ClockWatch ignores steps of less than a second, however many", () => {
  const watch = new ClockWatch();
  for (let turn = 0; turn < 10; turn++) {
    stepClock(800);
    expect(watch.look()).toBeUndefined();
  }
});
