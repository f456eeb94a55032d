/**
 * The arithmetic of error budgets: how much of its budget a service may use up in a window before somebody hears of it,
 * and which share of failed calls that is.
 *
 * Each alert looks at two windows. The long one says that it matters, the short one that it goes on. What a window may
 * use up is fixed, as a share of the whole budget, so the factors follow from the length of the objective's window: 14.4,
 * 6 and 1 for 30 days.
 */
import type { ServiceLevel } from "../settings.ts";
import { tidy } from "./numbers.ts";

export type Window = "5m" | "30m" | "1h" | "6h" | "3d";

export interface BurnRate {
  readonly long: Window;
  readonly short: Window;
  /** Share of the whole budget that a long window at exactly that share of failures uses up, to two digits. */
  readonly budgetShare: number;
  /** How many times faster than evenly the budget goes. */
  readonly factor: number;
  /** Share of failed calls above which it burns faster than that. */
  readonly failureShare: number;
}

const hours: Readonly<Record<Window, number>> = { "5m": 1 / 12, "30m": 0.5, "1h": 1, "6h": 6, "3d": 72 };

/** No window tells more than that nearly all calls fail: with a low objective, fourteen times its budget is more than all of them. */
const atMost = 0.9;

/** @param spent share of the whole budget that the long window may use up */
const burnRate = (slo: ServiceLevel, long: Window, short: Window, spent: number): BurnRate => {
  const budget = 1 - slo.objective;
  const windows = (slo.windowDays * 24) / hours[long];
  const factor = tidy(Math.max(1, spent * windows));
  const failureShare = tidy(Math.min(atMost, factor * budget));
  return { long, short, factor, failureShare, budgetShare: Number((failureShare / budget / windows).toPrecision(2)) };
};

/**
 * The three speeds of burning.
 *
 * @throws {RangeError} when the objective is not between 0 and 1, or the window shorter than 3 days.
 */
export const burnRates = (slo: ServiceLevel): Readonly<Record<"fast" | "slow" | "ticket", BurnRate>> => {
  if (!(slo.objective > 0 && slo.objective < 1))
    throw new RangeError(
      `slo.objective is ${slo.objective}: it is the share of calls that must succeed, such as 0.999, above 0 and below 1.`,
    );
  if (!(slo.windowDays >= 3))
    throw new RangeError(`slo.windowDays is ${slo.windowDays}: the slowest alert looks at 3 days, so it is 3 or more.`);
  return {
    fast: burnRate(slo, "1h", "5m", 0.02),
    slow: burnRate(slo, "6h", "30m", 0.05),
    ticket: burnRate(slo, "3d", "6h", 0.1),
  };
};

/** Every window that one of them looks at, shortest first. */
export const burnWindows: ReadonlyArray<Window> = ["5m", "30m", "1h", "6h", "3d"];
