/**
 * Waits for conditions, so that tests do not sleep for a fixed time.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";

export interface WaitOptions {
  /** Timeout in milliseconds. Default: 30,000, so that a loaded machine fails no test. Use less only if the test asserts a time. */
  readonly timeoutMs?: number;
  /** What is waited for: completes the sentence "Timed out waiting for …". */
  readonly what: string;
  /** Milliseconds between two checks. Default: 10. */
  readonly everyMs?: number;
}

type Truthy<A> = Exclude<A, false | 0 | 0n | "" | null | undefined>;

/**
 * Returns the first truthy value of `condition`, which may be asynchronous and may throw while it is not met.
 *
 * @throws an error that names what was waited for and the last result of the condition.
 */
export const waitFor = async <A>(
  condition: () => A | Promise<A>,
  { timeoutMs = 30_000, what, everyMs = 10 }: WaitOptions,
): Promise<Truthy<A>> => {
  const startedAt = performance.now();
  for (;;) {
    let last: string;
    let cause: unknown;
    try {
      const value = await condition();
      if (value) return value as Truthy<A>;
      last = `it returned ${inspect(value)}`;
    } catch (error) {
      cause = error;
      last = `it threw ${String(error)}`;
    }
    if (performance.now() - startedAt >= timeoutMs)
      throw new Error(`Timed out after ${timeoutMs} ms waiting for ${what}; last result: ${last}.`, { cause });
    await delay(everyMs);
  }
};
