/** Statistics of measurements. */

/** Returns the median of values; the upper one of two. */
export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
