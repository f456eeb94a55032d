import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RetryBudgetOptions } from "../../src/contract/config/options.ts";
import { resolveConfig } from "../../src/contract/config/resolve-config.ts";
import { RetryBudget } from "../../src/parent/retry-budget.ts";

const limits = { maxTokens: 10, tokenRatio: 0.1 };

const charges = (budget: RetryBudget, count: number): ReadonlyArray<boolean> =>
  Array.from({ length: count }, () => budget.charge());

describe("the retry budget", () => {
  test("allows retries of four failures in a row, then none at half of maxTokens or below", () => {
    const budget = new RetryBudget(limits);
    expect(charges(budget, 6)).toEqual([true, true, true, true, false, false]);
    expect(budget.open).toBe(false);
  });

  test("reopens only after enough successes", () => {
    const budget = new RetryBudget(limits);
    charges(budget, 100);
    expect(budget.tokens).toBe(0);
    for (let i = 0; i < 49; i++) budget.earn();
    expect(budget.open).toBe(false);
    for (let i = 0; i < 3; i++) budget.earn();
    expect(budget.open).toBe(true);
  });

  test("stays open however many hedges are made", () => {
    const budget = new RetryBudget(limits);
    let hedges = 0;
    for (; budget.spare; hedges++) budget.charge();
    expect(hedges).toBe(4);
    expect(budget.open).toBe(true);
  });

  test("stays within its bounds and allows at most half of maxTokens plus earned tokens, for any events", () => {
    const anyLimits = fc.record({
      maxTokens: fc.double({ min: 1, max: 100, noNaN: true }),
      tokenRatio: fc.double({ min: 0.001, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(
        anyLimits,
        fc.array(fc.constantFrom("failure", "success", "hedge"), { maxLength: 500 }),
        (given, events) => {
          const budget = new RetryBudget(given);
          let allowed = 0;
          let successes = 0;
          for (const event of events) {
            if (event === "success") {
              budget.earn();
              successes++;
            } else if ((event === "failure" || budget.spare) && budget.charge()) allowed++;
            expect(budget.tokens).toBeGreaterThanOrEqual(0);
            expect(budget.tokens).toBeLessThanOrEqual(given.maxTokens);
            expect(budget.open).toBe(budget.tokens > given.maxTokens / 2);
            expect(allowed).toBeLessThanOrEqual(given.maxTokens / 2 + given.tokenRatio * successes + 1e-6);
          }
        },
      ),
    );
  });
});

describe("PoolConfig.retryBudget", () => {
  const resolved = (retryBudget?: RetryBudgetOptions | false) =>
    resolveConfig({ pools: { default: { retryBudget } } }, {}).pools.get("default")!.retryBudget;

  test("defaults to gRPC's values, merges fields and can be disabled", () => {
    expect(resolved()).toEqual(limits);
    expect(resolved({ tokenRatio: 0.5 })).toEqual({ maxTokens: 10, tokenRatio: 0.5 });
    expect(resolved(false)).toBeUndefined();
  });

  test("rejects invalid values", () => {
    expect(() => resolved({ maxTokens: 0 })).toThrow(
      "pools.default.retryBudget.maxTokens is 0. Use a number of tokens, 1 or more.",
    );
    expect(() => resolved({ tokenRatio: Number.NaN })).toThrow("pools.default.retryBudget.tokenRatio is NaN.");
  });
});
