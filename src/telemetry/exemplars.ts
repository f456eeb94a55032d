/**
 * Which observations of a histogram become exemplars. A trace that an exemplar
 * leads to must be kept by whoever samples at the end, so the choice is made while
 * the span is open, and the span says so (`flame.exemplar`): only spans that say it
 * become exemplars. They are few: one per series and bucket in half a minute, and those whose span is marked already.
 */
import { metrics } from "./catalog.ts";
import type { MethodLabel } from "./method-labels.ts";
import type { FlameEvent, SpanIds } from "./telemetry.ts";

/** Milliseconds from one exemplar of a bucket to the next. */
const restMs = 30_000;

/** Most series that are remembered; then all are forgotten, and exemplars come a little sooner. */
const maxSeries = 4_096;

const indexOf = (buckets: ReadonlyArray<number>, seconds: number): number => {
  const index = buckets.findIndex((bound) => seconds <= bound);
  return index < 0 ? buckets.length : index;
};

/** Chooses exemplars, and marks their spans. */
export class ExemplarChoice {
  readonly #labelOf: MethodLabel;
  readonly #buckets: ReadonlyArray<number> | undefined;
  readonly #now: () => number;
  /** When each bucket may have its next exemplar, by series. */
  readonly #nextAt = new Map<string, Float64Array>();

  /**
   * @param now a clock in milliseconds that never goes back
   * @param labelOf the label of a method. Default: the method
   * @param buckets bounds of the histograms that methods have series in. Default: the catalog's
   */
  constructor(
    now: () => number = () => performance.now(),
    labelOf: MethodLabel = (method) => method,
    buckets?: ReadonlyArray<number>,
  ) {
    this.#labelOf = labelOf;
    this.#buckets = buckets;
    this.#now = now;
  }

  /** Marks the event's span when its observation is to be an exemplar. Costs next to nothing without a sampled span. */
  consider(event: FlameEvent): void {
    if (!("span" in event) || event.span?.exemplar === undefined) return;
    const { span } = event;
    switch (event._tag) {
      case "CallEnded": {
        const series = `call ${this.#labelOf(event.method)} ${event.pool} ${event.error?.status ?? ""}`;
        this.#offer(series, this.#buckets ?? metrics.callDuration.buckets, event.durationMs, span);
        return;
      }
      case "AttemptEnded": {
        const series = `${event.kind} ${this.#labelOf(event.method)} ${event.pool} ${event.error?.status ?? ""}`;
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
    const bucket = indexOf(buckets, durationMs / 1000);
    const now = this.#now();
    if (now < nextAt[bucket]! && span.exemplar !== true) return;
    nextAt[bucket] = now + restMs;
    span.exemplar = true;
  }
}
