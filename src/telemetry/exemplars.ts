/**
 * Chooses which observations of a histogram become exemplars. A tail sampler must keep the trace that an exemplar
 * points to, so the choice is made while the span is open, and the span is marked with `flame.exemplar`. Only marked
 * spans become exemplars. Each bucket of a series gets at most one new exemplar in 30 seconds; a span that is already
 * marked may be used again.
 */
import { metrics } from "./catalog.ts";
import type { MethodLabel } from "./method-labels.ts";
import type { FlameEvent, SpanIds } from "./telemetry.ts";

/** Minimum time between two exemplars of a bucket, in milliseconds. */
const minIntervalMs = 30_000;

/**
 * Maximum number of series that are remembered. When it is exceeded, all are forgotten, and the next exemplars come
 * early.
 */
const maxSeries = 4_096;

/** Chooses exemplars and marks their spans. */
export class ExemplarChoice {
  readonly #labelOf: MethodLabel | undefined;
  readonly #buckets: ReadonlyArray<number> | undefined;
  readonly #now: (() => number) | undefined;
  /** The earliest time of the next exemplar of each bucket, by series. */
  readonly #nextAt = new Map<string, Float64Array>();

  /**
   * @param now a monotonic clock, in milliseconds
   * @param labelOf returns the label of a method. Default: the method
   * @param buckets bucket bounds of the histograms with a method label. Default: those of the catalog
   */
  constructor(now?: () => number, labelOf?: MethodLabel, buckets?: ReadonlyArray<number>) {
    this.#labelOf = labelOf;
    this.#buckets = buckets;
    this.#now = now;
  }

  /**
   * Marks the span of the event if its observation becomes an exemplar. Returns at once when the event has no sampled
   * span.
   */
  consider(event: FlameEvent): void {
    if (!("span" in event) || event.span?.exemplar === undefined) return;
    const { span } = event;
    switch (event._tag) {
      case "CallEnded": {
        const method = this.#labelOf === undefined ? event.method : this.#labelOf(event.method);
        const series = `call ${method} ${event.pool} ${event.error?.status ?? ""}`;
        this.#offer(series, this.#buckets ?? metrics.callDuration.buckets, event.durationMs, span);
        return;
      }
      case "AttemptEnded": {
        const method = this.#labelOf === undefined ? event.method : this.#labelOf(event.method);
        const series = `${event.kind} ${method} ${event.pool} ${event.error?.status ?? ""}`;
        this.#offer(series, this.#buckets ?? metrics.attemptDuration.buckets, event.durationMs, span);
        return;
      }
      case "AcquireEnded": {
        const series = `acquire ${event.pool} ${event.result} ${event.source}`;
        this.#offer(series, metrics.acquireDuration.buckets, event.durationMs, span);
        return;
      }
      default:
    }
  }

  #offer(series: string, buckets: ReadonlyArray<number>, durationMs: number, span: SpanIds): void {
    let nextAt = this.#nextAt.get(series);
    if (nextAt === undefined) {
      if (this.#nextAt.size >= maxSeries) this.#nextAt.clear();
      nextAt = new Float64Array(buckets.length + 1).fill(-Infinity);
      this.#nextAt.set(series, nextAt);
    }
    let bucket = 0;
    while (bucket < buckets.length && durationMs / 1000 > buckets[bucket]!) bucket++;
    const now = this.#now === undefined ? performance.now() : this.#now();
    if (now < nextAt[bucket]! && span.exemplar !== true) return;
    nextAt[bucket] = now + minIntervalMs;
    span.exemplar = true;
  }
}
