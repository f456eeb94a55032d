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
import { atLeastAbove, boundUpTo, p95, type TailQuery } from "./histogram-tail.ts";
import { formatPercent, spellDuration } from "../../contract/format-numbers.ts";

const poolOfProcess = "Pool {{ $labels.flame_pool_name }} of {{ $labels.job }} at {{ $labels.instance }}";
const poolOfJob = "Pool {{ $labels.flame_pool_name }} of {{ $labels.job }}";

/**
 * Callers notice that a pool is full: they wait too long, get no slot, or nobody gets one. A call that waits for a
 * moment is normal: in a busy pool, any sample may show one.
 */
const callersAffected = ({ selector, thresholds }: BundleSettings): string => {
  const sum = (what: string): string => `sum without (result, source) (${what})`;
  const ended = (where: Where<"acquireDuration">, window: string): string =>
    sum(`increase(${series("acquireDuration", where, "count", selector)}[${window}])`);
  const waited = { result: ["=~", "acquired|timeout"] } as const;
  const buckets = series("acquireDuration", waited, "bucket", selector);
  const le = boundUpTo("acquireDuration", thresholds.saturatedWaitSeconds);
  const inTime =
    le === undefined
      ? ""
      : ` - sum without (result, source, le) (increase(${series("acquireDuration", { ...waited, le }, "bucket", selector)}[5m]))`;
  const noSlot = { result: ["=~", "timeout|rejected"] } as const;
  const slow =
    `histogram_quantile(0.95, ${sum(`rate(${buckets}[2m])`)}) > ${thresholds.saturatedWaitSeconds}` +
    ` and ${ended(waited, "5m")}${inTime} >= ${thresholds.minEvents}`;
  const refused =
    `${ended(noSlot, "2m")} > ${thresholds.acquireTimeoutShare} * ${ended({}, "2m")}` +
    ` and ${ended(noSlot, "5m")} >= ${thresholds.minEvents}`;
  const stuck = `min_over_time(${series("pending", {}, undefined, selector)}[2m]) > 0 unless ${ended({}, "2m")} > 0`;
  return `(\n  (${slow})\n  or (${refused})\n  or (${stuck})\n)`;
};

/**
 * The forecast uses the trend of half an hour and the trend of its last third, so a step to a new level does not look
 * like a slope for long. A trend needs an increase of at least two slots.
 */
const saturationAlerts = (settings: BundleSettings): ReadonlyArray<AlertSpec> => {
  const { selector, thresholds } = settings;
  const used = series("slotsUsed", {}, undefined, selector);
  const limit = series("slotsLimit", {}, undefined, selector);
  const busy = series("slotBusy", {}, undefined, selector);
  const queued = series("acquireDuration", { source: "queued" }, "count", selector);
  const shared = { area: "pools", dashboard: "pools", variables: ["job", "instance", "pool"] } as const;
  return [
    {
      ...shared,
      name: "FlamePoolSaturationHigh",
      severity: "ticket",
      value: `rate(${busy}[2m]) / (${limit} > 0)`,
      comparison: { operator: ">", threshold: thresholds.saturationHigh },
      conditions: [`sum without (result, source) (increase(${queued}[10m])) > 0`],
      for: "10m",
      keepFiringFor: "5m",
      summary: `${poolOfProcess}: {{ $value | humanizePercentage }} of its slots are in use`,
      description:
        `For 10 minutes, more than ${formatPercent(thresholds.saturationHigh)} of the pool's slot limit was in use, and some calls had to wait for a slot. ` +
        "Few slots are left. If this load is normal, raise max.",
    },
    {
      ...shared,
      name: "FlamePoolSaturated",
      severity: "page",
      value: `rate(${busy}[2m]) / (${limit} > 0)`,
      comparison: { operator: ">", threshold: thresholds.saturationFull },
      conditions: [callersAffected(settings)],
      for: "2m",
      keepFiringFor: "10m",
      summary: `${poolOfProcess} is full, and callers notice`,
      description:
        "For 2 minutes, {{ $value | humanizePercentage }} of the pool's slot limit was in use, and " +
        `1 in 20 calls waited longer than ${spellDuration(thresholds.saturatedWaitSeconds)} for a slot, more than ${formatPercent(thresholds.acquireTimeoutShare)} got none, or no call got one. ` +
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
      keepFiringFor: "5m",
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
  const stillNoSlot = `sum by (job, flame_pool_name) (increase(${series("acquireDuration", { result: ["=~", "timeout|rejected"] }, "count", selector)}[3m]))`;
  const shared = { area: "pools", dashboard: "pools", variables: ["job", "pool"] } as const;
  return [
    {
      ...shared,
      name: "FlameAcquireSlow",
      severity: "ticket",
      value: p95(waited),
      comparison: { operator: ">", threshold: thresholds.acquireSeconds },
      conditions: [
        atLeastAbove(waited, thresholds.acquireSeconds, thresholds.minEvents),
        `on (job, flame_pool_name) ${p95({ ...waited, window: "3m" })} > ${thresholds.acquireSeconds}`,
      ],
      for: "10m",
      keepFiringFor: "5m",
      summary: `${poolOfJob}: 1 in 20 calls waits longer than {{ $value | humanizeDuration }} for a slot`,
      description:
        `The 95th percentile of the time to acquire a slot has been above ${spellDuration(thresholds.acquireSeconds)} for 10 minutes. ` +
        "The dashboard shows what calls wait for: queued means that the pool is too small, cold means that they wait for runners to boot.",
    },
    {
      ...shared,
      name: "FlameAcquireTimeouts",
      severity: "ticket",
      value: `${noSlot}\n/\n(${ended({})} > 0)`,
      comparison: { operator: ">", threshold: thresholds.acquireTimeoutShare },
      conditions: [
        `on (job, flame_pool_name) ${noSlot} >= ${thresholds.minEvents}`,
        `on (job, flame_pool_name) ${stillNoSlot} > 0`,
      ],
      for: "10m",
      keepFiringFor: "5m",
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
