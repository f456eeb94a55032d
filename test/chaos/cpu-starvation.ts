/**
 * How long this process was kept from the processor. A machine with more work than processors stops its processes
 * at will, which says nothing about the code: figures of time hold beyond that.
 */

/** A time in which this process could not run. Times are milliseconds since 1970. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** How much of it neither the timer nor any work of this process accounts for. */
  readonly starvedMs: number;
}

/**
 * Tells of each gap between two looks at the clock that this process did not cause itself. Work that keeps the event loop
 * busy is not starvation. Does not keep the process alive.
 *
 * @param everyMs between two looks: what is not counted of a gap, at most
 * @returns stops it.
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

/** Tells each new worst, in milliseconds. */
export const watchWorstStarvation = (tell: (ms: number) => void): (() => void) => {
  let worst = 0;
  return watchStarvation(({ starvedMs }) => {
    if (starvedMs <= worst) return;
    worst = starvedMs;
    tell(worst);
  });
};

/** How much of a time, at most, this process spent waiting for a processor. */
export const starvedWithin = (gaps: ReadonlyArray<Gap>, from: number, to: number): number =>
  gaps.reduce((sum, gap) => {
    const overlap = Math.min(to, gap.to) - Math.max(from, gap.from);
    return overlap > 0 ? sum + Math.min(overlap, gap.starvedMs) : sum;
  }, 0);
