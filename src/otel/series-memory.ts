/**
 * Remembers the previous collection of each series, to compute deltas and start times. A series that decreased was
 * reset, as by `registry.resetMetrics()`, and counts from the previous collection on.
 */
import type { Attributes, HrTime } from "@opentelemetry/api";
import type { DataPoint, HistogramValue } from "./metric-data.ts";

interface Remembered {
  readonly count: number;
  readonly sum: number;
  readonly counts: ReadonlyArray<number>;
  readonly startTime: HrTime;
}

/** The data points of one reader. */
export class SeriesMemory {
  readonly #temporality: "cumulative" | "delta";
  readonly #series = new Map<string, Remembered>();
  readonly #bornAt: HrTime;
  #collectedAt: HrTime;

  /** @param bornAt when the process started to count */
  constructor(temporality: "cumulative" | "delta", bornAt: HrTime) {
    this.#temporality = temporality;
    this.#bornAt = bornAt;
    this.#collectedAt = bornAt;
  }

  /** Ends a collection. */
  collected(at: HrTime): void {
    this.#collectedAt = at;
  }

  /** Returns the data point of a counter; none for an empty delta. */
  counter(key: string, attributes: Attributes, value: number, now: HrTime): ReadonlyArray<DataPoint<number>> {
    const { before, startTime } = this.#advance(key, { count: value, sum: value, counts: [] });
    if (this.#temporality === "cumulative") return [{ startTime, endTime: now, attributes, value }];
    const delta = value - (before?.count ?? 0);
    return delta === 0 ? [] : [{ startTime: this.#collectedAt, endTime: now, attributes, value: delta }];
  }

  /** Returns the data point of a histogram; none for an empty delta. */
  histogram(
    key: string,
    attributes: Attributes,
    value: HistogramValue,
    now: HrTime,
  ): ReadonlyArray<DataPoint<HistogramValue>> {
    const { count, sum, buckets } = value;
    const { before, startTime } = this.#advance(key, { count, sum, counts: buckets.counts });
    if (this.#temporality === "cumulative") return [{ startTime, endTime: now, attributes, value }];
    if (before === undefined)
      return count === 0 ? [] : [{ startTime: this.#collectedAt, endTime: now, attributes, value }];
    if (count === before.count) return [];
    const counts = buckets.counts.map((observed, index) => observed - (before.counts[index] ?? 0));
    return [
      {
        startTime: this.#collectedAt,
        endTime: now,
        attributes,
        value: { buckets: { ...buckets, counts }, sum: sum - before.sum, count: count - before.count },
      },
    ];
  }

  /**
   * Remembers a series. `before` is its previous value, unless it was reset; `startTime` is when it started to count.
   */
  #advance(
    key: string,
    { count, sum, counts }: Omit<Remembered, "startTime">,
  ): { readonly before: Remembered | undefined; readonly startTime: HrTime } {
    const known = this.#series.get(key);
    const wasReset = known !== undefined && count < known.count;
    const startTime = wasReset ? this.#collectedAt : (known?.startTime ?? this.#bornAt);
    this.#series.set(key, { count, sum, counts, startTime });
    return { before: wasReset ? undefined : known, startTime };
  }
}
