/**
 * How long a call that joins the line now would wait, from how long slots were
 * held lately. A guess: it only refuses calls whose deadline it misses by far.
 */

/** Calls that must have been seen before a guess is made. */
const fewest = 20;

/** Weight of the newest observation. */
const alpha = 0.1;

export class WaitEstimate {
  #meanMs = 0;
  #seen = 0;

  /** Takes in how long a slot was held. */
  learn(heldMs: number): void {
    this.#seen++;
    this.#meanMs += (heldMs - this.#meanMs) * (this.#seen < fewest ? 1 / this.#seen : alpha);
  }

  /** Milliseconds until the last of `waiting` calls gets one of `slots`; `undefined` while too little is known. */
  expectedMs(waiting: number, slots: number): number | undefined {
    return this.#seen < fewest ? undefined : (this.#meanMs * (waiting + 1)) / slots;
  }

  /** Whether a call that joins `waiting` others would wait more than twice the time that it has. */
  exceeds(waiting: number, slots: number, remainingMs: number): boolean {
    const expected = this.expectedMs(waiting, slots);
    return expected !== undefined && expected > remainingMs * 2;
  }
}
