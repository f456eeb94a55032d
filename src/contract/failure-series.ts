/**
 * Tells the first of a series of failures from those that follow it, so that each series is reported once. A series ends
 * after a minute without a failure. The clock is the caller's, in milliseconds.
 */
const quietMs = 60_000;

export class FailureSeries {
  #lastAt = -Infinity;

  /** Takes in a failure at `now`; whether it is the first of its series. */
  begins(now: number): boolean {
    const begins = now - this.#lastAt >= quietMs;
    this.#lastAt = now;
    return begins;
  }
}
