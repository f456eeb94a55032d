/**
 * What time a parent says it is when it asks a runner for its instance. Its wall clock; but when that was set since a runner last
 * took its word, first the time that it would be otherwise: runners that go by the same clock as before know nothing of the step.
 */
import { clockAnchorMs, clockStepMs, ClockWatch } from "../contract/wire/clock.ts";

/** One way to tell the time: the wall clock less `performance.now()`. */
export type Anchor = number;

export class SenderClock {
  readonly #watch = new ClockWatch();
  readonly #first: Anchor = clockAnchorMs();
  #taken: Anchor | undefined;

  /** By how many milliseconds the clock was moved since the last look. */
  look(): number | undefined {
    return this.#watch.look();
  }

  /** What to try, in this order. */
  get anchors(): ReadonlyArray<Anchor> {
    const wall = clockAnchorMs();
    const before = this.#taken ?? this.#first;
    if (Math.abs(wall - before) < clockStepMs) return [wall];
    return this.#taken === undefined ? [wall, before] : [before, wall];
  }

  /** A runner took a time that was told by it. */
  took(anchor: Anchor): void {
    this.#taken = anchor;
  }
}

/** The time by an anchor, in whole milliseconds since 1970. */
export const timeBy = (anchor: Anchor): number => Math.floor(anchor + performance.now());
