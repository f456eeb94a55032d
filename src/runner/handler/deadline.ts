/** Deadlines of invocations, as times of `performance.now()`. */
import { maxTimerMs } from "../../contract/validation/check-number.ts";

/** Milliseconds before a deadline in which what ends an invocation is its deadline. */
const deadlineSlackMs = 25;

/**
 * Whether what ends now for want of time ends for this deadline: a caller that gives up, and a call that the handler
 * made, see it a little earlier than this runner.
 */
export const isDue = (deadlineAt: number): boolean => deadlineAt - performance.now() <= deadlineSlackMs;

/**
 * Calls back when the deadline has passed. It is asked anew each time that it seems over, since it grows when callers with more
 * time wait for the same run. Returns how to stop waiting.
 */
export const atDeadline = (deadlineAt: () => number, over: () => void): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  const wait = (leftMs: number): void => {
    if (leftMs > maxTimerMs) return;
    timer = setTimeout(
      () => {
        const moreMs = deadlineAt() - performance.now();
        if (moreMs >= 1) wait(moreMs);
        else over();
      },
      Math.max(0, leftMs),
    );
  };
  wait(deadlineAt() - performance.now());
  return () => clearTimeout(timer);
};
