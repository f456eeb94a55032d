/** Alerts on the objective: calls fail faster than it allows. They are about what callers see, whatever the cause. */
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { type BurnRate, burnRates } from "./burn-rate.ts";
import { percent } from "./numbers.ts";
import { failureCount, failureShare } from "./recording.ts";

const windowNames = { "5m": "5 minutes", "30m": "30 minutes", "1h": "hour", "6h": "6 hours", "3d": "3 days" } as const;

/**
 * Both windows burn, and enough calls failed for a share to mean something. It keeps firing for as long as the next
 * failure may take to come when no more than those fail.
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
    `The objective of ${percent(slo.objective)} allows ${percent(1 - slo.objective)}. ` +
    `With more than ${percent(rate.failureShare)} in the last ${windowNames[rate.long]}, ${percent(rate.budgetShare)} of the error budget of ${slo.windowDays} days went in that time, ` +
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
      "Callers are harmed now. See which methods fail, with which status, and since when.",
    ),
    burnAlert(
      settings,
      slow,
      { name: "FlameErrorBudgetBurnSlow", severity: "page", for: "15m", keepFiringFor: "1h" },
      "It will not last until the morning. See which methods fail, with which status, and since when.",
    ),
    burnAlert(
      settings,
      ticket,
      { name: "FlameErrorBudgetBurnTicket", severity: "ticket", for: "1h", keepFiringFor: "6h" },
      "Nobody needs to get up, but the objective will be missed if this goes on.",
    ),
  ];
};
