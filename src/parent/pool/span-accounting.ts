/**
 * Accounts for the spans of one runner: which ones were exported, which ones are still on the runner, and which ones
 * were lost with it.
 *
 * Each span is counted once. `reported` never exceeds the number of exported spans, and `lost` is never below the
 * number of missing ones. `lost` can be too high: spans that were exported after the last response, and spans of
 * requests that never started, count as lost.
 */
import type { RunnerTimings } from "../../contract/wire/envelope.ts";

/** The outcome of spans. */
export type SpanOutcome = "reported" | "lost";

/**
 * A response that is older than the newest one by more than this was not reordered: the runner's clock was set back. In
 * milliseconds.
 */
const maxReorderedMs = 5_000;

/** Maximum number of spans of one request on a runner: the ones of the server and the handler. */
const spansOfRequest = 2;

export class SpanAccounting {
  readonly #onEvent: (outcome: SpanOutcome, count: number) => void;
  /** Spans that responses acknowledged. */
  #acknowledged = 0;
  /** Acknowledged spans that are known to be exported. */
  #reported = 0;
  /** Spans that the runner had not exported yet, by the newest response. */
  #unsent = 0;
  #failed = 0;
  #newestMs = 0;
  /** Counts the processes at this address. Requests to an earlier process are already accounted for. */
  #generation = 0;
  /** Recorded requests in progress. */
  #open = 0;
  /** Recorded requests without a response, until the runner must have noticed. */
  #unaccounted = 0;
  #unaccountedAt = 0;

  constructor(onEvent: (outcome: SpanOutcome, count: number) => void) {
    this.#onEvent = onEvent;
  }

  /** A recorded request is sent. Returns the generation to pass to the other methods. */
  sent(): number {
    this.#open += 1;
    return this.#generation;
  }

  /** The request has its response. @param sentAt `performance.now()` when it was sent. */
  answered(generation: number, timings: RunnerTimings, sentAt: number): void {
    if (generation !== this.#generation) return;
    this.#open -= 1;
    this.learn(timings, sentAt);
  }

  /** Takes the timings of a response to a request that is not recorded. */
  learn({ spans, sentMs, exported }: RunnerTimings, sentAt: number): void {
    this.#acknowledged += spans;
    if (exported !== undefined && (sentMs >= this.#newestMs || this.#newestMs - sentMs > maxReorderedMs)) {
      this.#newestMs = sentMs;
      this.#unsent = exported.unsent;
      if (exported.failed !== this.#failed) this.#fail(exported.failed);
      if (sentAt > this.#unaccountedAt) this.#unaccounted = 0;
    }
    const left = this.#acknowledged - this.#unsent;
    if (left > this.#reported) this.#report(left);
  }

  /** The request never reached the runner. */
  unsent(generation: number): void {
    if (generation === this.#generation) this.#open -= 1;
  }

  /** The request gets no response, or is no longer waited for. */
  abandoned(generation: number): void {
    if (generation !== this.#generation) return;
    this.#open -= 1;
    this.#unaccounted += 1;
    this.#unaccountedAt = performance.now();
  }

  /** The runner has exited in order and flushed its spans. */
  settled(): void {
    this.#report(this.#acknowledged);
    this.#unsent = 0;
    this.#unaccounted = 0;
  }

  /** The runner is lost, with its buffered spans. */
  lost(): void {
    const count = this.#unsent + spansOfRequest * (this.#open + this.#unaccounted);
    if (count > 0) this.#onEvent("lost", count);
    this.#generation += 1;
    this.#acknowledged = 0;
    this.#reported = 0;
    this.#unsent = 0;
    this.#failed = 0;
    this.#open = 0;
    this.#unaccounted = 0;
  }

  /** A count that decreased belongs to a new process at the same address. */
  #fail(failed: number): void {
    const more = failed < this.#failed ? failed : failed - this.#failed;
    this.#failed = failed;
    if (more === 0) return;
    this.#onEvent("lost", more);
    this.#reported += more;
  }

  #report(left: number): void {
    const more = left - this.#reported;
    if (more <= 0) return;
    this.#reported = left;
    this.#onEvent("reported", more);
  }
}
