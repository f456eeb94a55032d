/**
 * Alerts on pools that are full or will be, and on calls that wait for a slot.
 *
 * Each parent has its own pools and limits, and a call waits in its own parent. So saturation is evaluated per process:
 * a sum over all parents would hide a full one among idle ones. Waiting times are evaluated over all parents of a job,
 * since a percentile needs many observations.
 */
import { series, type Where } from "../series.ts";
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { atLeastAbove, p95, type TailQuery } from "./histogram-tail.ts";
import { formatPercent, spellDuration } from "../../contract/format-numbers.ts";

const poolOfProcess = "Pool {{ $labels.flame_pool_name }} of {{ $labels.job }} at {{ $labels.instance }}";
const poolOfJob = "Pool {{ $labels.flame_pool_name }} of {{ $labels.job }}";

/**
 * The forecast uses the trend of half an hour and the trend of its last third, so a step to a new level does not look
 * like a slope for long. A trend needs an increase of at least two slots.
 */
const saturationAlerts = ({ selector, thresholds }: BundleSettings): ReadonlyArray<AlertSpec> => {
  const used = series("slotsUsed", {}, undefined, selector);
  const limit = series("slotsLimit", {}, undefined, selector);
  const pending = series("pending", {}, undefined, selector);
  const busy = series("slotBusy", {}, undefined, selector);
  const refused = series("acquireDuration", { result: "rejected" }, "count", selector);
  const shared = { area: "pools", dashboard: "pools", variables: ["job", "instance", "pool"] } as const;
  return [
    {
      ...shared,
      name: "FlamePoolSaturationHigh",
      severity: "ticket",
      value: `rate(${busy}[2m]) / (${limit} > 0)`,
      comparison: { operator: ">", threshold: thresholds.saturationHigh },
      conditions: [`(${limit} > 1 or max_over_time(${pending}[5m]) > 0)`],
      for: "5m",
      keepFiringFor: "10m",
      summary: `${poolOfProcess}: {{ $value | humanizePercentage }} of its slots are in use`,
      description:
        `For 5 minutes, more than ${formatPercent(thresholds.saturationHigh)} of the pool's slot limit was in use. ` +
        "Calls do not wait yet, but few slots are left. If this load is normal, raise max.",
    },
    {
      ...shared,
      name: "FlamePoolSaturated",
      severity: "page",
      value: `${used} / (${limit} > 0)`,
      comparison: { operator: ">", threshold: thresholds.saturationFull },
      conditions: [`(${pending} > 0 or sum without (result, source) (rate(${refused}[2m])) > 0)`],
      for: "2m",
      keepFiringFor: "5m",
      summary: `${poolOfProcess} is full and calls are waiting`,
      description:
        "For 2 minutes, {{ $value | humanizePercentage }} of the pool's slot limit was in use while calls waited or were rejected. " +
        "Raise max, or find out why there are more calls or why they take longer.",
    },
    {
      ...shared,
      name: "FlamePoolSaturationForecast",
      severity: "ticket",
      value: `predict_linear(${used}[30m], ${thresholds.forecastSeconds}) / (${limit} > 0)`,
      comparison: { operator: ">=", threshold: 1 },
      conditions: [
        `predict_linear(${used}[10m], ${thresholds.forecastSeconds}) / ${limit} >= 1`,
        `avg_over_time(${used}[10m]) / ${limit} >= ${thresholds.forecastShare}`,
        `avg_over_time(${used}[10m]) / ${limit} < ${thresholds.saturationFull}`,
        `avg_over_time(${used}[10m]) - avg_over_time(${used}[10m] offset 20m) >= 2`,
      ],
      for: "10m",
      keepFiringFor: "15m",
      summary: `${poolOfProcess} will be full within ${spellDuration(thresholds.forecastSeconds)}`,
      description:
        `Usage has risen for 30 minutes. If the trend continues, it reaches {{ $value | humanizePercentage }} of the limit in ${spellDuration(thresholds.forecastSeconds)}. ` +
        "Raise max before calls have to wait.",
    },
  ];
};

const acquireAlerts = ({ selector, thresholds }: BundleSettings): ReadonlyArray<AlertSpec> => {
  const waited: TailQuery<"acquireDuration"> = {
    key: "acquireDuration",
    where: { result: ["=~", "acquired|timeout"] },
    window: "5m",
    selector,
  };
  const ended = (where: Where<"acquireDuration">): string =>
    `sum by (job, flame_pool_name) (increase(${series("acquireDuration", where, "count", selector)}[10m]))`;
  const noSlot = ended({ result: ["=~", "timeout|rejected"] });
  const shared = { area: "pools", dashboard: "pools", variables: ["job", "pool"] } as const;
  return [
    {
      ...shared,
      name: "FlameAcquireSlow",
      severity: "ticket",
      value: p95(waited),
      comparison: { operator: ">", threshold: thresholds.acquireSeconds },
      conditions: [atLeastAbove(waited, thresholds.acquireSeconds, thresholds.minEvents)],
      for: "5m",
      keepFiringFor: "10m",
      summary: `${poolOfJob}: 1 in 20 calls waits longer than {{ $value | humanizeDuration }} for a slot`,
      description:
        `The 95th percentile of the time to acquire a slot has been above ${spellDuration(thresholds.acquireSeconds)} for 5 minutes. ` +
        "The dashboard shows what calls wait for: queued means that the pool is too small, cold means that they wait for runners to boot.",
    },
    {
      ...shared,
      name: "FlameAcquireTimeouts",
      severity: "ticket",
      value: `${noSlot}\n/\n(${ended({})} > 0)`,
      comparison: { operator: ">", threshold: thresholds.acquireTimeoutShare },
      conditions: [`on (job, flame_pool_name) ${noSlot} >= ${thresholds.minEvents}`],
      for: "5m",
      keepFiringFor: "10m",
      summary: `${poolOfJob}: {{ $value | humanizePercentage }} of calls got no slot`,
      description:
        `Over 10 minutes, more than ${formatPercent(thresholds.acquireTimeoutShare)} of the calls that needed a slot got none: ` +
        "their deadline passed, or they were rejected because the queue was full, the deadline was out of reach, or no runner could be started. The handler did not run.",
    },
  ];
};

export const poolAlerts = (settings: BundleSettings): ReadonlyArray<AlertSpec> => [
  ...saturationAlerts(settings),
  ...acquireAlerts(settings),
];
