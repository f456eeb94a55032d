/**
 * Buffers events before they are recorded. A call emits about six events while its caller waits. Recording them in
 * batches, after the call, costs a fraction: the code and the counters are then in the processor's caches.
 */
import type { FlameEvent } from "./telemetry.ts";

/** Maximum number of buffered events. */
const capacity = 256;

/**
 * Maximum time that an event stays in the buffer, in milliseconds. The timestamp of an exemplar is off by at most this
 * much.
 */
const flushAfterMs = 100;

/** Number of microtasks that a metrics client takes to read a metric once it has started. */
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

  /** Records all buffered events. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#waiting;
    this.#waiting = [];
    for (const event of events) this.#record(event);
  }

  /**
   * Records all buffered events, then holds back new ones while a scrape reads the metrics. Both clients start to read
   * all metrics at once and finish in the following microtasks. An event recorded in between would be in some metrics
   * of the scrape and missing from others.
   */
  flushForRead(): void {
    if (this.#held) return;
    this.flush();
    this.#held = true;
    void this.#release();
  }

  /**
   * Reading a histogram as JSON takes two microtasks. The caller that asked for all metrics resumes after the third.
   */
  async #release(): Promise<void> {
    for (let turn = 0; turn < readingTurns; turn++) await Promise.resolve();
    this.#held = false;
  }
}
