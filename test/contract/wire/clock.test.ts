import { afterEach, expect, test } from "vitest";
import { ClockWatch, wallClockMs } from "../../../src/contract/wire/clock.ts";
import { restoreClock, stepClock } from "../../harness/step-clock.ts";

afterEach(restoreClock);

test("the wall clock is that of the system, with fractions, and follows it when it is set", () => {
  for (const stepMs of [0, 5_000, -3_600_000]) {
    stepClock(stepMs);
    const before = Date.now();
    const now = wallClockMs();
    expect(now).toBeGreaterThanOrEqual(before - 2);
    expect(now).toBeLessThanOrEqual(Date.now() + 2);
  }
});

test("a step of the clock is seen once, with its direction", () => {
  const watch = new ClockWatch();
  expect(watch.look()).toBeUndefined();
  stepClock(-3_600_000);
  expect(Math.round(watch.look()! / 1_000)).toBe(-3_600);
  expect(watch.look()).toBeUndefined();
  stepClock(30_000);
  expect(Math.round(watch.look()! / 1_000)).toBe(30);
});

test("less than a second is no step, however often", () => {
  const watch = new ClockWatch();
  for (let turn = 0; turn < 10; turn++) {
    stepClock(800);
    expect(watch.look()).toBeUndefined();
  }
});
