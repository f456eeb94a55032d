/** Times of this process that a loaded machine does not stretch. */
import { onTestFinished } from "vitest";
import { watchStarvation } from "../chaos/cpu-starvation.ts";

/**
 * Starts a stopwatch that stands still while the process is kept from the processor. What it cannot see is that others are, such as
 * runners.
 *
 * @returns reads it, in milliseconds.
 */
export const startStopwatch = (): (() => number) => {
  const startedAt = performance.now();
  let starvedMs = 0;
  onTestFinished(watchStarvation((gap) => (starvedMs += gap.starvedMs)));
  return () => performance.now() - startedAt - starvedMs;
};
