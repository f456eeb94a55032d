/**
 * Events that wait to be recorded. A call tells of half a dozen things while its
 * caller waits; recording them together, when nobody does, costs a fraction: the
 * code and the counters are in the processor's caches then.
 */
import type { FlameEvent } from "./telemetry.ts";

/** Most events that wait. */
const capacity = 256;

/** Most milliseconds that an event waits; exemplars are that much younger than what they show. */
const patienceMs = 100;

export class Backlog {
  readonly #record: (event: FlameEvent) => void;
  #waiting: Array<FlameEvent> = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(record: (event: FlameEvent) => void) {
    this.#record = record;
  }

  add(event: FlameEvent): void {
    this.#waiting.push(event);
    if (this.#waiting.length >= capacity) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), patienceMs).unref();
  }

  /** Records everything that waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#waiting;
    this.#waiting = [];
    for (const event of events) this.#record(event);
  }
}
