/**
 * Alerts on pools that are full, or will be, and on calls that wait for a slot.
 *
 * Each parent has pools and limits of its own, and a call waits in its own parent. So how full a pool is, is asked of
 * each process: a sum over all parents would hide a full one among idle ones. How long calls wait is asked of all parents
 * of a job together, since a percentile needs many.
 */
import { series, type Where } from "../series.ts";
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { atLeastAbove, p95, type TailQuestion } from "./histogram-tail.ts";
import { duration, percent } from "./numbers.ts";

const poolOfProcess = "Pool {{ $labels.flame_pool_name }} of {{ $labels.job }} at {{ $labels.instance }}";
const poolOfJob = "Pool {{ $labels.flame_pool_name }} of {{ $labels.job }}";

/**
 * The forecast goes by the trend of half an hour and by that of its last third, so that a step to a new level, which a
 * line through it takes for a slope, is none for long. Two slots are the least that is a trend.
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
        `For 5 minutes, more than ${percent(thresholds.saturationHigh)} of the slots that the pool may have were in use. ` +
        "Nobody has to wait yet, but there is little room. If this is usual, raise max.",
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
      summary: `${poolOfProcess} is full, and calls wait`,
      description:
        "For 2 minutes, {{ $value | humanizePercentage }} of the slots that the pool may have were in use, while calls waited or were refused. " +
        "Raise max, or find out why calls take longer or are more than usual.",
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
      summary: `${poolOfProcess} will be full within ${duration(thresholds.forecastSeconds)}`,
      description:
        `Use has risen for 30 minutes. If it goes on like this, {{ $value | humanizePercentage }} of the limit will be wanted in ${duration(thresholds.forecastSeconds)}. ` +
        "Raise max before calls wait.",
    },
  ];
};

const acquireAlerts = ({ selector, thresholds }: BundleSettings): ReadonlyArray<AlertSpec> => {
  const waited: TailQuestion<"acquireDuration"> = {
    key: "acquireDuration",
    where: { result: ["=~", "acquired|timeout"] },
    window: "5m",
    selector,
  };
  const ended = (where: Where<"acquireDuration">): string =>
    `sum by (job, flame_pool_name) (increase(${series("acquireDuration", where, "count", selector)}[10m]))`;
  const without = ended({ result: ["=~", "timeout|rejected"] });
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
      summary: `${poolOfJob}: one call in twenty waits longer than {{ $value | humanizeDuration }} for a slot`,
      description:
        `The 95th percentile of the time to get a slot has been above ${duration(thresholds.acquireSeconds)} for 5 minutes. ` +
        "The dashboard says what calls wait for: queued means that the pool is too small, cold that runners boot for them.",
    },
    {
      ...shared,
      name: "FlameAcquireTimeouts",
      severity: "ticket",
      value: `${without}\n/\n(${ended({})} > 0)`,
      comparison: { operator: ">", threshold: thresholds.acquireTimeoutShare },
      conditions: [`on (job, flame_pool_name) ${without} >= ${thresholds.minEvents}`],
      for: "5m",
      keepFiringFor: "10m",
      summary: `${poolOfJob}: {{ $value | humanizePercentage }} of calls get no slot`,
      description:
        `Over 10 minutes, more than ${percent(thresholds.acquireTimeoutShare)} of those who asked for a slot got none: ` +
        "their time was over, or they were refused because the queue was full or too slow, or because no runner could be started. These calls failed without having run.",
    },
  ];
};

export const poolAlerts = (settings: BundleSettings): ReadonlyArray<AlertSpec> => [
  ...saturationAlerts(settings),
  ...acquireAlerts(settings),
];
