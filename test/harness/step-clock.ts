/** Moves the system clock as this process sees it. `performance.now()` is unaffected, as when a real clock is set. */
const RightDate = Date;
const rightNow = Date.now;
let movedMs = 0;

const moved = (): number => Math.trunc(rightNow() + movedMs);

class MovedDate extends RightDate {
  constructor(...args: ReadonlyArray<unknown>) {
    if (args.length === 0) super(moved());
    else super(...(args as [number]));
  }

  static override now = moved;
}

/** Moves the clock by `ms` milliseconds, backward if negative. */
export const stepClock = (ms: number): void => {
  movedMs += ms;
  globalThis.Date = movedMs === 0 ? RightDate : (MovedDate as DateConstructor);
};

/** Restores the clock. */
export const restoreClock = (): void => stepClock(-movedMs);
