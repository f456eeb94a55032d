/**
 * Waits on conditions, so that no test sleeps and hopes.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";

export interface WaitOptions {
  /** Milliseconds until it gives up. Default 30,000: a machine under load is no failure. Give less only where the test asserts a time. */
  readonly timeoutMs?: number;
  /** What is waited for, as the end of the sentence "Waited for …". */
  readonly what: string;
  /** Milliseconds between two looks. Default 10. */
  readonly everyMs?: number;
}

type Truthy<A> = Exclude<A, false | 0 | 0n | "" | null | undefined>;

/**
 * The first truthy value of `condition`, which may be asynchronous and may throw while it is not met yet.
 *
 * @throws an error that names what was waited for and what the condition gave or threw last.
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
      last = `it gave ${inspect(value)}`;
    } catch (error) {
      cause = error;
      last = `it threw ${String(error)}`;
    }
    if (performance.now() - startedAt >= timeoutMs)
      throw new Error(`Timed out after ${timeoutMs} ms waiting for ${what}; last result: ${last}.`, { cause });
    await delay(everyMs);
  }
};
