/**
 * The books of one runner's spans, as its parent keeps them: which were sent, which are
 * on the runner still, and, when it is killed, which died with it.
 *
 * Each span is booked once. `reported` never says more than what has left the runner;
 * `lost` never less than what is missing. It may say more: spans that were sent after
 * the last answer, and those of requests that never began, count as lost with the rest.
 */
import type { RunnerTimings } from "../../contract/wire/envelope.ts";

/** What became of spans. */
export type SpanFate = "reported" | "lost";

/** An answer that is older than the newest by more than this was not overtaken: the runner's clock was set back. In milliseconds. */
const longestOvertakenMs = 5_000;

/** Most spans of one request on a runner: the server's and the handler's. */
const spansOfRequest = 2;

export class SpanAccounting {
  readonly #tell: (outcome: SpanFate, count: number) => void;
  /** Spans that responses acknowledged. */
  #acknowledged = 0;
  /** Those of them that are known to have left. */
  #reported = 0;
  /** What the newest answer said that the runner had still to send, and never would. */
  #unsent = 0;
  #failed = 0;
  #newestMs = 0;
  /** Which of the processes at this address: what was under way on an earlier one is booked. */
  #generation = 0;
  /** Recorded requests under way. */
  #open = 0;
  /** Those that nobody waits for any more, as long as the runner need not have noticed. */
  #unaccounted = 0;
  #adriftAt = 0;

  constructor(tell: (outcome: SpanFate, count: number) => void) {
    this.#tell = tell;
  }

  /** A request whose spans are recorded goes out; what it gives stands for it below. */
  sent(): number {
    this.#open += 1;
    return this.#generation;
  }

  /** It has its answer. @param sentAt `performance.now()` when it went out */
  answered(generation: number, timings: RunnerTimings, sentAt: number): void {
    if (generation !== this.#generation) return;
    this.#open -= 1;
    this.learn(timings, sentAt);
  }

  /** Takes what the answer to a request tells whose spans are not recorded. */
  learn({ spans, sentMs, exported }: RunnerTimings, sentAt: number): void {
    this.#acknowledged += spans;
    if (exported !== undefined && (sentMs >= this.#newestMs || this.#newestMs - sentMs > longestOvertakenMs)) {
      this.#newestMs = sentMs;
      this.#unsent = exported.unsent;
      this.#fail(exported.failed);
      if (sentAt > this.#adriftAt) this.#unaccounted = 0;
    }
    this.#report(this.#acknowledged - this.#unsent);
  }

  /** It never reached the runner. */
  unsent(generation: number): void {
    if (generation === this.#generation) this.#open -= 1;
  }

  /** It gets no answer, or none that is waited for. */
  abandoned(generation: number): void {
    if (generation !== this.#generation) return;
    this.#open -= 1;
    this.#unaccounted += 1;
    this.#adriftAt = performance.now();
  }

  /** The runner has ended in order, with its buffers sent. */
  settled(): void {
    this.#report(this.#acknowledged);
    this.#unsent = 0;
    this.#unaccounted = 0;
  }

  /** The runner is gone, with what it held. */
  lost(): void {
    const count = this.#unsent + spansOfRequest * (this.#open + this.#unaccounted);
    if (count > 0) this.#tell("lost", count);
    this.#generation += 1;
    this.#acknowledged = 0;
    this.#reported = 0;
    this.#unsent = 0;
    this.#failed = 0;
    this.#open = 0;
    this.#unaccounted = 0;
  }

  /** A count that fell is that of a new process at the same address. */
  #fail(failed: number): void {
    const more = failed < this.#failed ? failed : failed - this.#failed;
    this.#failed = failed;
    if (more === 0) return;
    this.#tell("lost", more);
    this.#reported += more;
  }

  #report(left: number): void {
    const more = left - this.#reported;
    if (more <= 0) return;
    this.#reported = left;
    this.#tell("reported", more);
  }
}
