/**
 * Events that wait to be recorded. A call tells of half a dozen things while its
 * caller waits; recording them together, when nobody does, costs a fraction: the
 * code and the counters are in the processor's caches then.
 */
import type { FlameEvent } from "./telemetry.ts";

/** Most events that wait. */
const capacity = 256;

/** Most milliseconds that an event waits; exemplars are that much younger than what they show. */
const flushAfterMs = 100;

/** Microtasks that a client takes to read a metric once it has begun. */
const readingTurns = 3;

export class EventBuffer {
  readonly #record: (event: FlameEvent) => void;
  #waiting: Array<FlameEvent> = [];
  #timer: NodeJS.Timeout | undefined;
  #held = false;

  constructor(record: (event: FlameEvent) => void) {
    this.#record = record;
  }

  add(event: FlameEvent): void {
    this.#waiting.push(event);
    if (this.#waiting.length >= capacity && !this.#held) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), flushAfterMs).unref();
  }

  /** Records everything that waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#waiting;
    this.#waiting = [];
    for (const event of events) this.#record(event);
  }

  /**
   * Records everything that waits, and nothing else while it is read. Both clients begin to read all metrics at once and
   * finish in the microtasks that follow: events recorded meanwhile would be in some metrics of a scrape and not in others.
   */
  settle(): void {
    if (this.#held) return;
    this.flush();
    this.#held = true;
    void this.#release();
  }

  /** A histogram read as JSON takes two microtasks; whoever asked for all of them hears of it later than the third. */
  async #release(): Promise<void> {
    for (let turn = 0; turn < readingTurns; turn++) await Promise.resolve();
    this.#held = false;
  }
}
