/** Thresholds for a share of failed calls, derived from the error budget. */
import { burnRates } from "../rules/burn-rate.ts";
import { formatPercent, roundOff } from "../../contract/format-numbers.ts";
import type { BundleSettings } from "../settings.ts";
import { alertFrom, type Levels } from "./thresholds.ts";

/** Yellow beyond the budget; red where the budget would be used up within days. */
export const budgetLevels = ({ slo }: BundleSettings): Levels =>
  alertFrom(burnRates(slo).fast.failureShare, roundOff(1 - slo.objective));

/** Describes the objective in a sentence. */
export const objectiveText = ({ slo }: BundleSettings): string => {
  const ignored =
    slo.ignoredStatuses.length === 0 ? "" : ` ${slo.ignoredStatuses.join(" and ")} do not count as failures.`;
  return `The objective is ${formatPercent(slo.objective)} over ${slo.windowDays} days.${ignored}`;
};
