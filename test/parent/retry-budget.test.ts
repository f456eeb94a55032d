import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RetryBudgetOptions } from "../../src/contract/config/options.ts";
import { resolveConfig } from "../../src/contract/config/resolve-config.ts";
import { RetryBudget } from "../../src/parent/retry-budget.ts";

const limits = { maxTokens: 20, tokenRatio: 0.25, tokensPerSecond: 1 };

/** A budget with a clock that only the test advances. */
const makeBudget = (given: Required<RetryBudgetOptions> = limits) => {
  const clock = { ms: 0 };
  return { clock, budget: new RetryBudget(given, () => clock.ms) };
};

const take = (budget: RetryBudget, count: number): ReadonlyArray<boolean> =>
  Array.from({ length: count }, () => budget.take());

describe("the retry budget", () => {
  test("allows as many retries in a row as it has tokens", () => {
    const { budget } = makeBudget({ ...limits, maxTokens: 3 });
    expect(take(budget, 5)).toEqual([true, true, true, false, false]);
    expect(budget.open).toBe(false);
  });

  test("gets back the token of a successful retry, and tokenRatio for any other success", () => {
    const { budget } = makeBudget();
    take(budget, 20);
    budget.succeeded(true);
    expect(budget.tokens).toBe(1);
    for (let call = 0; call < 4; call++) budget.succeeded(false);
    expect(budget.tokens).toBe(2);
  });

  test("refills by tokensPerSecond up to maxTokens", () => {
    const { budget, clock } = makeBudget();
    take(budget, 20);
    clock.ms = 900;
    expect(budget.open).toBe(false);
    clock.ms = 1_000;
    expect(budget.open).toBe(true);
    clock.ms = 3_600_000;
    expect(budget.tokens).toBe(20);
  });

  test("allows a hedge only if a token for a retry remains", () => {
    const { budget } = makeBudget({ ...limits, maxTokens: 3 });
    let hedges = 0;
    for (; budget.spare; hedges++) budget.take();
    expect(hedges).toBe(2);
    expect(budget.open).toBe(true);
  });

  test("allows at most its initial and earned tokens, in any order of events", () => {
    const anyLimits = fc.record({
      maxTokens: fc.double({ min: 1, max: 100, noNaN: true }),
      tokenRatio: fc.double({ min: 0, max: 1, noNaN: true }),
      tokensPerSecond: fc.double({ min: 0, max: 10, noNaN: true }),
    });
    const anyEvent = fc.constantFrom("retry", "hedge", "success", "retried", "second");
    fc.assert(
      fc.property(anyLimits, fc.array(anyEvent, { maxLength: 500 }), (given, events) => {
        const { budget, clock } = makeBudget(given);
        let allowed = 0;
        let earned = 0;
        let failing = 0;
        for (const event of events) {
          if (event === "second") {
            clock.ms += 1_000;
            earned += given.tokensPerSecond;
          } else if (event === "success") {
            budget.succeeded(false);
            earned += given.tokenRatio;
          } else if (event === "retried" && failing > 0) {
            budget.succeeded(true);
            failing--;
            earned++;
          } else if ((event === "retry" || (event === "hedge" && budget.spare)) && budget.take()) {
            allowed++;
            failing++;
          }
          expect(budget.tokens).toBeGreaterThanOrEqual(0);
          expect(budget.tokens).toBeLessThanOrEqual(given.maxTokens);
          expect(budget.open).toBe(budget.tokens >= 1);
          expect(allowed).toBeLessThanOrEqual(given.maxTokens + earned + 1e-6);
        }
      }),
    );
  });
});

/** Pseudorandom numbers from 0 up to 1 with a fixed seed. */
const makeRandom = (): (() => number) => {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

interface Rates {
  /** Share of attempts that fail. */
  readonly failing: number;
  /** Share of calls that fail. */
  readonly failed: number;
  /** Share of calls that fail without a budget. */
  readonly declared: number;
  /** Attempts per call. */
  readonly amplification: number;
}

/** Simulates 20,000 calls with `maxAttempts: 3`, 100 per second, whose attempts fail independently of each other. */
const simulate = (failing: number): Rates => {
  const calls = 20_000;
  const maxAttempts = 3;
  const random = makeRandom();
  const { budget, clock } = makeBudget();
  let attempts = 0;
  let failed = 0;
  for (let call = 0; call < calls; call++) {
    clock.ms += 10;
    let attempt = 1;
    attempts++;
    while (random() < failing) {
      if (attempt === maxAttempts || !budget.take()) {
        attempt = Infinity;
        break;
      }
      attempt++;
      attempts++;
    }
    if (attempt === Infinity) failed++;
    else budget.succeeded(attempt > 1);
  }
  return { failing, failed: failed / calls, declared: failing ** maxAttempts, amplification: attempts / calls };
};

describe("the default retry budget", () => {
  const shares = [0.01, 0.05, 0.08, 0.09, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1];
  const table = shares.map(simulate);

  test("does not limit retries while up to 30% of attempts fail at random", () => {
    for (const { failing, failed, declared } of table) {
      if (failing <= 0.3) expect(Math.abs(failed - declared), `${failing}`).toBeLessThan(0.003);
    }
  });

  test("allows at most 1.2 attempts per call when 60% or more of attempts fail", () => {
    for (const { failing, amplification } of table) {
      if (failing >= 0.6) expect(amplification, `${failing}`).toBeLessThanOrEqual(1.2);
    }
  });

  test("never allows more attempts than there are without a budget", () => {
    for (const { failing, amplification } of table) {
      expect(amplification).toBeLessThanOrEqual(1 + failing + failing ** 2 + 0.02);
    }
  });

  test("matches the table in docs/retries.md", () => {
    const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;
    const rows = table.map(
      ({ failing, failed, declared, amplification }) =>
        `${Math.round(failing * 100)}% ${percent(declared)} ${percent(failed)} ${amplification.toFixed(2)}`,
    );
    const page = readFileSync(join(import.meta.dirname, "../../docs/retries.md"), "utf8");
    const shown = [...page.matchAll(/^\| +(\d+%) +\| +([\d.]+%) +\| +([\d.]+%) +\| +([\d.]+) +\|$/gm)];
    expect(shown.map(([, ...cells]) => cells.join(" "))).toEqual(rows);
  });
});

describe("PoolConfig.retryBudget", () => {
  const resolved = (retryBudget?: RetryBudgetOptions | false) =>
    resolveConfig({ pools: { default: { retryBudget } } }, {}).pools.get("default")!.retryBudget;

  test("has defaults, merges fields and can be disabled", () => {
    expect(resolved()).toEqual(limits);
    expect(resolved({ tokenRatio: 0.5 })).toEqual({ ...limits, tokenRatio: 0.5 });
    expect(resolved(false)).toBeUndefined();
  });

  test("rejects invalid values", () => {
    expect(() => resolved({ maxTokens: 0 })).toThrow(
      "pools.default.retryBudget.maxTokens is 0. Use a number of tokens, 1 or more.",
    );
    expect(() => resolved({ tokenRatio: Number.NaN })).toThrow("pools.default.retryBudget.tokenRatio is NaN.");
  });
});
