/**
 * The clocks of this process. Times that two machines compare are read from the wall clock, here and nowhere else.
 * Durations and deadlines are differences of `performance.now()`, which nobody sets.
 */

/** Four timestamps of one exchange, in milliseconds since 1970: two by either clock. */
export interface ClockExchange {
  /** By the asker's clock. */
  readonly sentMs: number;
  /** By the clock of the one who answers. */
  readonly receivedMs: number;
  /** By the clock of the one who answers. */
  readonly repliedMs: number;
  /** By the asker's clock. */
  readonly answeredMs: number;
}

/**
 * The clock of the one who answers less the asker's, in milliseconds. Exact when the way there took as long as the way back; wrong
 * by half of the difference otherwise.
 */
export const clockOffset = ({ sentMs, receivedMs, repliedMs, answeredMs }: ClockExchange): number =>
  (receivedMs - sentMs + (repliedMs - answeredMs)) / 2;

/** `performance.timeOrigin` stays where it was when the system clock is set, or the machine sleeps; past this it is not trusted. */
const tolerableDriftMs = 2;

/** Milliseconds since 1970, with fractions as long as nobody sets the clock. */
export const wallClockMs = (): number => {
  const fine = performance.timeOrigin + performance.now();
  const coarse = Date.now();
  return Math.abs(fine - coarse) <= tolerableDriftMs ? fine : coarse;
};

/** The wall clock less the monotonic clock, in milliseconds. It changes only when the system clock is set, or the machine sleeps. */
export const clockAnchorMs = (): number => Date.now() - performance.now();

/** The smallest change of the system clock that counts as a step, in milliseconds. */
export const clockStepMs = 1_000;

/** Notices that the system clock was set, or that the machine slept, between two looks. */
export class ClockWatch {
  #anchorMs = clockAnchorMs();

  /** By how many milliseconds the clock was moved since the last look, negative for back; `undefined` below {@link clockStepMs}. */
  look(): number | undefined {
    let anchorMs = clockAnchorMs();
    // A process that lost the processor between the two clocks sees a step that is gone at the second look.
    if (Math.abs(anchorMs - this.#anchorMs) >= clockStepMs) anchorMs = clockAnchorMs();
    const stepMs = anchorMs - this.#anchorMs;
    this.#anchorMs = anchorMs;
    return Math.abs(stepMs) >= clockStepMs ? stepMs : undefined;
  }
}
