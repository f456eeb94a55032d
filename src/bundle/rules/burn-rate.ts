/**
 * Computes burn rates: how much of its error budget a service may use up in a window before an alert fires, and the
 * corresponding share of failed calls.
 *
 * Each alert looks at two windows. The long one shows that the failures matter, the short one that they continue. With
 * enough calls, an even shorter one shows that they are over. The
 * share of the budget that a window may use up is fixed, so the factors follow from the length of the objective's
 * window: 14.4, 6 and 1 for 30 days.
 */
import type { ServiceLevel } from "../settings.ts";
import { roundOff } from "../../contract/format-numbers.ts";

export type Window = "1m" | "2m" | "5m" | "30m" | "1h" | "6h" | "3d";

export interface BurnRate {
  readonly long: Window;
  readonly short: Window;
  /** Windows that can show that the failures are over. */
  readonly recovery: ReadonlyArray<Window>;
  /** The window whose share of failures those windows are compared with. */
  readonly recoveryFrom: Window;
  /** Share of the whole budget that the long window uses up at `failureShare`, rounded to two digits. */
  readonly budgetShare: number;
  /** How many times faster than allowed the budget is used up. */
  readonly factor: number;
  /** Share of failed calls above which the alert fires. */
  readonly failureShare: number;
}

const hours: Readonly<Record<Window, number>> = {
  "1m": 1 / 60,
  "2m": 1 / 30,
  "5m": 1 / 12,
  "30m": 0.5,
  "1h": 1,
  "6h": 6,
  "3d": 72,
};

/** Upper limit of `failureShare`. With a low objective, fourteen times the budget would be more than all calls. */
const maxFailureShare = 0.9;

/** @param spent share of the whole budget that the long window may use up */
const burnRate = (
  slo: ServiceLevel,
  windows: Pick<BurnRate, "long" | "short" | "recovery" | "recoveryFrom">,
  spent: number,
): BurnRate => {
  const budget = 1 - slo.objective;
  const count = (slo.windowDays * 24) / hours[windows.long];
  const factor = roundOff(Math.max(1, spent * count));
  const failureShare = roundOff(Math.min(maxFailureShare, factor * budget));
  return { ...windows, factor, failureShare, budgetShare: Number((failureShare / budget / count).toPrecision(2)) };
};

/**
 * Computes the burn rates of the three alerts.
 *
 * @throws {RangeError} if the objective is not between 0 and 1, or the window is shorter than 3 days
 */
export const burnRates = (slo: ServiceLevel): Readonly<Record<"fast" | "slow" | "ticket", BurnRate>> => {
  if (!(slo.objective > 0 && slo.objective < 1))
    throw new RangeError(
      `slo.objective is ${slo.objective}. Use the share of calls that must succeed, above 0 and below 1, such as 0.999.`,
    );
  if (!(slo.windowDays >= 3))
    throw new RangeError(`slo.windowDays is ${slo.windowDays}. Use 3 or more: the slowest alert looks at 3 days.`);
  return {
    fast: burnRate(slo, { long: "1h", short: "30m", recovery: ["1m", "2m", "5m"], recoveryFrom: "1h" }, 0.02),
    slow: burnRate(slo, { long: "6h", short: "30m", recovery: ["5m"], recoveryFrom: "1h" }, 0.05),
    ticket: burnRate(slo, { long: "3d", short: "6h", recovery: ["30m"], recoveryFrom: "6h" }, 0.1),
  };
};

/** All windows, shortest first. */
export const burnWindows: ReadonlyArray<Window> = ["1m", "2m", "5m", "30m", "1h", "6h", "3d"];
