/**
 * How long this process was kept from the processor. A machine with more work than processors stops its processes
 * at will, which says nothing about the code: figures of time hold beyond that.
 */

const everyMs = 5;

/**
 * Tells each new worst, in milliseconds: the time between two looks at the clock that neither the timer nor any work
 * of this process accounts for. Work that keeps the event loop busy is not starvation. Does not keep the process alive.
 *
 * @returns stops it.
 */
export const watchStarvation = (tell: (ms: number) => void): (() => void) => {
  let worst = 0;
  let lastAt = performance.now();
  let lastUse = process.cpuUsage();
  const timer = setInterval(() => {
    const at = performance.now();
    const { user, system } = process.cpuUsage(lastUse);
    const starvedMs = at - lastAt - (user + system) / 1_000 - everyMs;
    lastAt = at;
    lastUse = process.cpuUsage();
    if (starvedMs <= worst) return;
    worst = starvedMs;
    tell(worst);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
};
