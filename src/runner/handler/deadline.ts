/** Deadlines of invocations, as times of `performance.now()`. */
import { maxTimerMs } from "../../contract/validation/check-number.ts";

/** An invocation that ends within this time before its deadline is attributed to the deadline, in milliseconds. */
const deadlineSlackMs = 25;

/**
 * Whether an invocation that is aborted now ends because of this deadline. Callers, and calls that the handler makes,
 * observe their deadline slightly earlier than this runner.
 */
export const isDue = (deadlineAt: number): boolean => deadlineAt - performance.now() <= deadlineSlackMs;

/**
 * Calls back when the deadline has passed. `deadlineAt` is called again each time, because the deadline grows when
 * callers with more time wait for the same execution. Returns a function that stops waiting.
 */
export const atDeadline = (deadlineAt: () => number, onExpired: () => void): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  const wait = (leftMs: number): void => {
    if (leftMs > maxTimerMs) return;
    timer = setTimeout(
      () => {
        const moreMs = deadlineAt() - performance.now();
        if (moreMs >= 1) wait(moreMs);
        else onExpired();
      },
      Math.max(0, leftMs),
    );
  };
  wait(deadlineAt() - performance.now());
  return () => clearTimeout(timer);
};
