/** Statistics of measurements. */

/** Returns the value below which a share of the values lies. */
export const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;

/** Returns the median of values; the upper one of two. */
export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5);

/** A median, and the range of the middle eight of ten values. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export const spreadOf = (values: ReadonlyArray<number>): Spread => ({
  median: median(values),
  low: quantile(values, 0.1),
  high: quantile(values, 0.9),
});
