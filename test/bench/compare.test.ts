import { expect, test } from "vitest";
import { compare, compareAll, type Expectation } from "../../bench/harness/compare.ts";

const cost: Expectation = { value: 10, band: 0.2, better: "lower" };
const rate: Expectation = { value: 10, band: 0.2, better: "higher" };
const exact: Expectation = { value: 4, band: 0, better: "lower" };

test.each([
  [cost, 12.1, "worse"],
  [cost, 12, "as committed"],
  [cost, 8, "as committed"],
  [cost, 7.9, "better"],
  [rate, 7.9, "worse"],
  [rate, 8, "as committed"],
  [rate, 12.1, "better"],
  [exact, 5, "worse"],
  [exact, 4, "as committed"],
  [exact, 3, "better"],
])("with %j committed, %d is %s", (expected, measured, outcome) => {
  expect(compare(measured, expected)).toBe(outcome);
});

test("compares only what is both measured and committed", () => {
  const measured = new Map([
    ["new", 1],
    ["known", 20],
  ]);
  const expected = new Map([
    ["known", cost],
    ["not measured under load", rate],
  ]);
  expect(compareAll(measured, expected)).toEqual([{ name: "known", measured: 20, expected: cost, outcome: "worse" }]);
});
