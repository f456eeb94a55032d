/** A machine's clock that somebody sets wrong: SIGUSR2 puts the wall clock of this process ahead. */

/** Milliseconds by which each signal moves it. */
export const clockJumpMs = 5_000;

/** From now on, SIGUSR2 moves `Date.now()` of this process. The monotonic clock goes on, as in life. */
export const obeyClockJumps = (): void => {
  const truth = Date.now.bind(Date);
  let aheadMs = 0;
  Date.now = () => truth() + aheadMs;
  process.on("SIGUSR2", () => (aheadMs += clockJumpMs));
};
