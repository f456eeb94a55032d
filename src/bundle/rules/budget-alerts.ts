/** Alerts on the objective: calls fail faster than it allows. They describe what callers see, whatever the cause. */
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { type BurnRate, burnRates } from "./burn-rate.ts";
import { formatPercent } from "../../contract/format-numbers.ts";
import { callCount, failureCount, failureShare } from "./recording.ts";

/** Failures that a recovery must be without: at least as many would have occurred if nothing had changed. */
const missingFailures = 5;

/**
 * The failures are over, although the short window still contains them: at the share of the last hour, at least five
 * calls would have failed within the last minutes, but hardly any did. With few calls there is no such proof, and the
 * short window decides.
 */
const recovered = ({ recovery, recoveryFrom, failureShare: threshold }: BurnRate): string =>
  recovery
    .map(
      (window) =>
        `(${callCount(window)} * on (job) ${failureShare(recoveryFrom)} >= ${missingFailures} and on (job) ${failureShare(window)} <= ${threshold})`,
    )
    .join("\n  or ");

/**
 * Within the last hours, enough calls failed for a faster alert, which paged: the failures of an outage that is over do
 * not notify a second time. True unless that is so.
 */
const notPagedWithin = (
  rate: BurnRate,
  hours: string,
  { slo }: BundleSettings,
  faster: ReadonlyArray<BurnRate>,
): string => {
  const paged = faster.map(
    ({ long, failureShare: threshold }) =>
      `max_over_time((${failureShare(long)} > ${threshold} and on (job) ${failureCount(long)} >= ${slo.minFailures})[${hours}:5m])`,
  );
  return `on (job) (\n  ${failureShare(rate.long)}\n  unless on (job) (${paged.join("\n  or ")})\n)`;
};

const windowNames = {
  "1m": "minute",
  "2m": "2 minutes",
  "5m": "5 minutes",
  "30m": "30 minutes",
  "1h": "hour",
  "6h": "6 hours",
  "3d": "3 days",
} as const;

/**
 * Fires when both windows burn, enough calls failed for the share to be meaningful, and the failures are not over. It
 * keeps firing for as long as the next failure may take to occur.
 */
const burnAlert = (
  { slo }: BundleSettings,
  rate: BurnRate,
  rest: Pick<AlertSpec, "name" | "severity" | "for" | "keepFiringFor">,
  advice: string,
  conditions: ReadonlyArray<string> = [],
): AlertSpec => ({
  ...rest,
  area: "calls",
  value: failureShare(rate.long),
  comparison: { operator: ">", threshold: rate.failureShare },
  conditions: [
    `on (job) (\n  ${failureShare(rate.short)} > ${rate.failureShare}\n  unless on (job) (\n  ${recovered(rate)}\n  )\n)`,
    `on (job) ${failureCount(rate.long)} >= ${slo.minFailures}`,
    ...conditions,
  ],
  summary: `{{ $labels.job }}: {{ $value | humanizePercentage }} of calls failed in the last ${windowNames[rate.long]}`,
  description:
    `The objective of ${formatPercent(slo.objective)} allows ${formatPercent(1 - slo.objective)} of calls to fail. ` +
    `More than ${formatPercent(rate.failureShare)} failed in the last ${windowNames[rate.long]}, which uses up ${formatPercent(rate.budgetShare)} of the ${slo.windowDays}-day error budget, ` +
    `and it continues. ${advice}`,
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
      { name: "FlameErrorBudgetBurnSlow", severity: "page", for: "15m", keepFiringFor: "10m" },
      "At this rate the budget runs out within days. Check which methods fail, with which status, and since when.",
      [notPagedWithin(slow, "1h", settings, [fast])],
    ),
    burnAlert(
      settings,
      ticket,
      { name: "FlameErrorBudgetBurnTicket", severity: "ticket", for: "1h", keepFiringFor: "10m" },
      "This is not urgent, but the objective will be missed if it continues.",
      [notPagedWithin(ticket, "6h", settings, [fast, slow])],
    ),
  ];
};
