/** The error budget as levels of a share of failed calls. */
import type { BundleSettings } from "../settings.ts";
import { alertFrom, type Levels } from "./thresholds.ts";

/** The share of the whole budget that may be spent within one hour before the fastest alert fires. */
const spentInAnHour = 0.02;

const precise = (value: number): number => Number(value.toPrecision(6));

/** The share of calls that may fail. */
export const errorBudget = ({ slo }: BundleSettings): number => precise(1 - slo.objective);

/** Worth a look beyond the budget; an alert where the budget would be gone within days. */
export const budgetLevels = (settings: BundleSettings): Levels => {
  const budget = errorBudget(settings);
  const fast = spentInAnHour * 24 * settings.slo.windowDays * budget;
  return alertFrom(Math.min(0.9, precise(fast)), budget);
};

/** The objective in words. */
export const objectiveText = ({ slo }: BundleSettings): string => {
  const ignored =
    slo.ignoredStatuses.length === 0 ? "" : ` ${slo.ignoredStatuses.join(" and ")} do not count as failures.`;
  return `The objective is ${precise(100 * slo.objective)} % over ${slo.windowDays} days.${ignored}`;
};
