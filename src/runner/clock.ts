/**
 * The wall clock with the resolution of the monotonic one.
 */

/** `performance.timeOrigin` stays where it was when somebody sets the clock, or the machine sleeps; past this it is not trusted. */
const tolerableDriftMs = 2;

/** Milliseconds since 1970, with fractions as long as nobody sets the clock. */
export const wallClockMs = (): number => {
  const fine = performance.timeOrigin + performance.now();
  const coarse = Date.now();
  return Math.abs(fine - coarse) <= tolerableDriftMs ? fine : coarse;
};
