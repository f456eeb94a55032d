/**
 * Measures how long this process waits for the CPU. On an overloaded machine, that time says nothing about the code, so tests
 * add it to their time limits.
 */

/** A period in which this process could not run. Times are milliseconds since 1970. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** The part of it that neither the timer nor work of this process accounts for. */
  readonly starvedMs: number;
}

/**
 * Reports each gap between two readings of the clock that this process did not cause itself. Work that blocks the event loop is
 * not starvation. Does not keep the process alive.
 *
 * @param everyMs Milliseconds between two readings: the part of a gap that is not counted, at most.
 * @returns a function that stops watching.
 */
export const watchStarvation = (tell: (gap: Gap) => void, everyMs = 5): (() => void) => {
  let lastAt = performance.now();
  let lastUse = process.cpuUsage();
  const timer = setInterval(() => {
    const at = performance.now();
    const { user, system } = process.cpuUsage(lastUse);
    const starvedMs = at - lastAt - (user + system) / 1_000 - everyMs;
    if (starvedMs > 0) tell({ from: performance.timeOrigin + lastAt, to: performance.timeOrigin + at, starvedMs });
    lastAt = at;
    lastUse = process.cpuUsage();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
};

/** Reports each new maximum, in milliseconds. */
export const watchWorstStarvation = (tell: (ms: number) => void): (() => void) => {
  let worst = 0;
  return watchStarvation(({ starvedMs }) => {
    if (starvedMs <= worst) return;
    worst = starvedMs;
    tell(worst);
  });
};

/** Maximum time that this process waited for the CPU within a period. */
export const starvedWithin = (gaps: ReadonlyArray<Gap>, from: number, to: number): number =>
  gaps.reduce((sum, gap) => {
    const overlap = Math.min(to, gap.to) - Math.max(from, gap.from);
    return overlap > 0 ? sum + Math.min(overlap, gap.starvedMs) : sum;
  }, 0);
