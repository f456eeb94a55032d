/**
 * The clocks of this process. Times that two machines compare come from the wall clock, which is read only here.
 * Durations and deadlines are differences of `performance.now()`, which cannot be set.
 */

/** The four timestamps of a request and its response, in milliseconds since 1970: two of each clock. */
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
 * Returns the responder's clock minus the requester's, in milliseconds. Exact if both directions take the same time;
 * otherwise wrong by half of the difference.
 */
export const clockOffset = ({ sentMs, receivedMs, repliedMs, answeredMs }: ClockExchange): number =>
  (receivedMs - sentMs + (repliedMs - answeredMs)) / 2;

/**
 * `performance.timeOrigin` does not change when the system clock is set or the machine is suspended; beyond this
 * difference it is not used.
 */
const tolerableDriftMs = 2;

/** Milliseconds since 1970, with fractions unless the clock was set. */
export const wallClockMs = (): number => {
  const fine = performance.timeOrigin + performance.now();
  const coarse = Date.now();
  return Math.abs(fine - coarse) <= tolerableDriftMs ? fine : coarse;
};

/**
 * The wall clock minus the monotonic clock, in milliseconds. It changes only when the system clock is set or the
 * machine is suspended.
 */
export const clockAnchorMs = (): number => Date.now() - performance.now();

/** The smallest change of the system clock that counts as a step, in milliseconds. */
export const clockStepMs = 1_000;

/** Detects between two checks that the system clock was set or the machine was suspended. */
export class ClockWatch {
  #anchorMs = clockAnchorMs();

  /**
   * Returns the step of the clock since the last check in milliseconds, negative for backward; `undefined` below {@link
   * clockStepMs}.
   */
  look(): number | undefined {
    let anchorMs = clockAnchorMs();
    // A process that was descheduled between the two clock reads sees a step that is gone when it reads again.
    if (Math.abs(anchorMs - this.#anchorMs) >= clockStepMs) anchorMs = clockAnchorMs();
    const stepMs = anchorMs - this.#anchorMs;
    this.#anchorMs = anchorMs;
    return Math.abs(stepMs) >= clockStepMs ? stepMs : undefined;
  }
}
