/** Alerts on the objective: calls fail faster than it allows. They describe what callers see, whatever the cause. */
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { type BurnRate, burnRates } from "./burn-rate.ts";
import { formatPercent } from "../../contract/format-numbers.ts";
import { failureCount, failureShare } from "./recording.ts";

const windowNames = { "5m": "5 minutes", "30m": "30 minutes", "1h": "hour", "6h": "6 hours", "3d": "3 days" } as const;

/**
 * Fires when both windows burn and enough calls failed for the share to be meaningful. It keeps firing for as long as
 * the next failure may take to occur at that rate.
 */
const burnAlert = (
  { slo }: BundleSettings,
  rate: BurnRate,
  rest: Pick<AlertSpec, "name" | "severity" | "for" | "keepFiringFor">,
  advice: string,
): AlertSpec => ({
  ...rest,
  area: "calls",
  value: failureShare(rate.long),
  comparison: { operator: ">", threshold: rate.failureShare },
  conditions: [
    `on (job) ${failureShare(rate.short)} > ${rate.failureShare}`,
    `on (job) ${failureCount(rate.long)} >= ${slo.minFailures}`,
  ],
  summary: `{{ $labels.job }}: {{ $value | humanizePercentage }} of calls failed in the last ${windowNames[rate.long]}`,
  description:
    `The objective of ${formatPercent(slo.objective)} allows ${formatPercent(1 - slo.objective)} of calls to fail. ` +
    `More than ${formatPercent(rate.failureShare)} failed in the last ${windowNames[rate.long]}, which uses up ${formatPercent(rate.budgetShare)} of the ${slo.windowDays}-day error budget, ` +
    `and the last ${windowNames[rate.short]} are no better. ${advice}`,
  dashboard: "overview",
  variables: ["job"],
});

export const budgetAlerts = (settings: BundleSettings): ReadonlyArray<AlertSpec> => {
  const { fast, slow, ticket } = burnRates(settings.slo);
  return [
    burnAlert(
      settings,
      fast,
      { name: "FlameErrorBudgetBurnFast", severity: "page", for: "2m", keepFiringFor: "15m" },
      "Callers are affected now. Check which methods fail, with which status, and since when.",
    ),
    burnAlert(
      settings,
      slow,
      { name: "FlameErrorBudgetBurnSlow", severity: "page", for: "15m", keepFiringFor: "1h" },
      "At this rate the budget runs out within days. Check which methods fail, with which status, and since when.",
    ),
    burnAlert(
      settings,
      ticket,
      { name: "FlameErrorBudgetBurnTicket", severity: "ticket", for: "1h", keepFiringFor: "6h" },
      "This is not urgent, but the objective will be missed if it continues.",
    ),
  ];
};
