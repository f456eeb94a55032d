/** Measures durations without the time that this process waits for the CPU. */
import { onTestFinished } from "vitest";
import { watchStarvation } from "../chaos/cpu-starvation.ts";

/**
 * Starts a stopwatch that stops while this process waits for the CPU. It does not account for other processes, such as runners.
 *
 * @returns a function that returns the elapsed milliseconds.
 */
export const startStopwatch = (): (() => number) => {
  const startedAt = performance.now();
  let starvedMs = 0;
  onTestFinished(watchStarvation((gap) => (starvedMs += gap.starvedMs)));
  return () => performance.now() - startedAt - starvedMs;
};
