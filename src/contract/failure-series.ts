/**
 * Distinguishes the first failure of a series from the following ones, so that each series is reported once. A series
 * ends after a minute without a failure. The caller provides the time in milliseconds.
 */
const quietMs = 60_000;

export class FailureSeries {
  #lastAt = -Infinity;

  /** Records a failure at `now`. Returns whether it is the first of its series. */
  begins(now: number): boolean {
    const begins = now - this.#lastAt >= quietMs;
    this.#lastAt = now;
    return begins;
  }
}
