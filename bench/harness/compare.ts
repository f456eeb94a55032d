/** Compares measured values with committed ones. */

/** A committed value, and how far a measured one may be from it. */
export interface Expectation {
  readonly value: number;
  /** As a share of the value: 0.1 allows 10%. */
  readonly band: number;
  readonly better: "lower" | "higher";
}

export type Outcome = "worse" | "as committed" | "better";

export const compare = (measured: number, { value, band, better }: Expectation): Outcome => {
  const excess = (measured - value) * (better === "lower" ? 1 : -1);
  const allowed = Math.abs(value) * band;
  if (excess > allowed) return "worse";
  return excess < -allowed ? "better" : "as committed";
};

/** A value of both sides, under its name. */
export interface Comparison {
  readonly name: string;
  readonly measured: number;
  readonly expected: Expectation;
  readonly outcome: Outcome;
}

/** Compares what has been both measured and committed. */
export const compareAll = (
  measured: ReadonlyMap<string, number>,
  expected: ReadonlyMap<string, Expectation>,
): ReadonlyArray<Comparison> =>
  [...measured].flatMap(([name, value]) => {
    const expectation = expected.get(name);
    return expectation === undefined
      ? []
      : [{ name, measured: value, expected: expectation, outcome: compare(value, expectation) }];
  });
