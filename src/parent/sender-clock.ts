/**
 * The time that a parent names when it asks a runner for its process. It is the wall clock. If the wall clock was set
 * since the last runner accepted it, the parent first tries the time without that step, because runners on the same
 * machine did not observe it either.
 */
import { clockAnchorMs, clockStepMs, ClockWatch } from "../contract/wire/clock.ts";

/** The offset of a clock: its time minus `performance.now()`, in milliseconds. */
export type Anchor = number;

export class SenderClock extends ClockWatch {
  readonly #first: Anchor = clockAnchorMs();
  #taken: Anchor | undefined;

  /** The clocks to try, in this order. */
  get anchors(): ReadonlyArray<Anchor> {
    const wall = clockAnchorMs();
    const before = this.#taken ?? this.#first;
    if (Math.abs(wall - before) < clockStepMs) return [wall];
    return this.#taken === undefined ? [wall, before] : [before, wall];
  }

  /** A runner accepted a time by this clock. */
  took(anchor: Anchor): void {
    this.#taken = anchor;
  }
}

/** The time by this clock, in whole milliseconds since 1970. */
export const timeBy = (anchor: Anchor): number => Math.floor(anchor + performance.now());
