/** The error budget as levels of a share of failed calls. */
import { burnRates } from "../rules/burn-rate.ts";
import { percent, tidy } from "../rules/numbers.ts";
import type { BundleSettings } from "../settings.ts";
import { alertFrom, type Levels } from "./thresholds.ts";

/** Worth a look beyond the budget; an alert where the budget would be gone within days. */
export const budgetLevels = ({ slo }: BundleSettings): Levels =>
  alertFrom(burnRates(slo).fast.failureShare, tidy(1 - slo.objective));

/** The objective in words. */
export const objectiveText = ({ slo }: BundleSettings): string => {
  const ignored =
    slo.ignoredStatuses.length === 0 ? "" : ` ${slo.ignoredStatuses.join(" and ")} do not count as failures.`;
  return `The objective is ${percent(slo.objective)} over ${slo.windowDays} days.${ignored}`;
};
