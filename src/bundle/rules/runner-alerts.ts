/** Alerts on runners: how they boot, how they end, whether they are believed, and what time they think it is. */
import { series, type Where } from "../series.ts";
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { atLeastAbove, p95, type TailQuestion } from "./histogram-tail.ts";
import { duration, percent } from "./numbers.ts";
import { counters } from "./recording.ts";

const poolOfJob = "Pool {{ $labels.flame_pool_name }} of {{ $labels.job }}";

const bootAlerts = ({ selector, thresholds }: BundleSettings): ReadonlyArray<AlertSpec> => {
  const booted: TailQuestion<"bootDuration"> = {
    key: "bootDuration",
    where: { result: "ok" },
    window: "30m",
    selector,
  };
  const boots = (where: Where<"bootDuration">): string =>
    `sum by (job, flame_pool_name) (increase(${series("bootDuration", where, "count", selector)}[15m]))`;
  const failed = boots({ result: ["=~", "error|timeout"] });
  const shared = { area: "runners", dashboard: "runners", variables: ["job", "pool"] } as const;
  return [
    {
      ...shared,
      name: "FlameBootSlow",
      severity: "info",
      value: p95(booted),
      comparison: { operator: ">", threshold: thresholds.bootSeconds },
      conditions: [atLeastAbove(booted, thresholds.bootSeconds, thresholds.minBoots)],
      for: "5m",
      keepFiringFor: "30m",
      summary: `${poolOfJob}: runners take {{ $value | humanizeDuration }} to boot`,
      description:
        `Over 30 minutes, the 95th percentile of boots was above ${duration(thresholds.bootSeconds)}. ` +
        "Calls that find no free slot wait that long. The trace flame.runner.boot tells starting the process from loading the program.",
    },
    {
      ...shared,
      name: "FlameBootFailing",
      severity: "ticket",
      value: `${failed}\n/\n(${boots({ result: ["!=", "canceled"] })} > 0)`,
      comparison: { operator: ">", threshold: thresholds.bootFailureShare },
      conditions: [`on (job, flame_pool_name) ${failed} >= ${thresholds.minBoots}`],
      for: "2m",
      keepFiringFor: "15m",
      summary: `${poolOfJob}: {{ $value | humanizePercentage }} of boots fail`,
      description:
        `Over 15 minutes, more than ${percent(thresholds.bootFailureShare)} of the runners that were started did not come up. ` +
        "The pool pauses longer and longer between tries; without any runner, its calls fail with no_runner. The log record flame.runner.boot_failed says why.",
    },
  ];
};

const crashLoop = ({ selector, thresholds }: BundleSettings): AlertSpec => ({
  name: "FlameRunnerCrashLoop",
  severity: "ticket",
  area: "runners",
  value: `sum without (reason) (increase(${series("terminations", { reason: "crash" }, undefined, selector)}[10m]))`,
  comparison: { operator: ">=", threshold: thresholds.crashes },
  for: "0s",
  keepFiringFor: "10m",
  summary: `${poolOfJob} at {{ $labels.instance }}: {{ $value | printf "%.0f" }} runners crashed within 10 minutes`,
  description:
    `${thresholds.crashes} or more runners of one parent ended without being asked to. The calls that they had failed or were tried again. ` +
    "The log record flame.runner.lost says how each of them ended: its exit code, or the signal.",
  dashboard: "runners",
  variables: ["job", "instance", "pool"],
});

/**
 * A runner counts the requests that it refuses, and a parent the answers; runners are seldom scraped. But a parent also
 * sees its attempts refused. The greater of the two counts is judged. Requests for an earlier process of a runner are not
 * counted: every parent sends some after a restart, and signs them again.
 */
const signatureRejections = ({ selector, thresholds }: BundleSettings): AlertSpec => {
  const rejections = `sum by (job, flame_pool_name) (increase(${series("signatureRejections", { reason: ["!=", "instance"] }, undefined, selector)}[5m]))`;
  const refused = `sum by (job, flame_pool_name) (increase(${counters.refusedAttempts}[5m]))`;
  return {
    name: "FlameSignatureRejections",
    severity: "page",
    area: "security",
    value: `${rejections} > ${refused}\nor ${refused}\nor ${rejections}`,
    comparison: { operator: ">=", threshold: thresholds.signatureRejections },
    for: "0s",
    keepFiringFor: "10m",
    summary: `${poolOfJob}: {{ $value | printf "%.0f" }} requests or answers refused for their signature within 5 minutes`,
    description:
      "Somebody signs with a wrong secret, clocks are far apart, something repeats or changes requests, or somebody tries to get in. " +
      "The reason of the rejections says which; a rotation of secrets that went too fast is the usual one.",
    dashboard: "runners",
    variables: ["job", "pool"],
  };
};

const clockSkew = ({ selector, thresholds }: BundleSettings): AlertSpec => {
  const offset: TailQuestion<"clockOffset"> = { key: "clockOffset", window: "10m", selector };
  return {
    name: "FlameClockSkew",
    severity: "ticket",
    area: "runners",
    value: p95(offset),
    comparison: { operator: ">", threshold: thresholds.clockOffsetSeconds },
    conditions: [atLeastAbove(offset, thresholds.clockOffsetSeconds, thresholds.minEvents)],
    for: "10m",
    keepFiringFor: "30m",
    summary: `${poolOfJob}: clocks of parent and runners differ by {{ $value | humanizeDuration }}`,
    description:
      `For 10 minutes, the clocks differed by more than ${duration(thresholds.clockOffsetSeconds)} in one call of twenty or more. ` +
      "Deadlines and calls under way do not suffer, but spans are shifted against each other, and beyond security.windowMs (60 seconds) runners refuse parents that they do not know yet.",
    dashboard: "runners",
    variables: ["job", "pool"],
  };
};

export const runnerAlerts = (settings: BundleSettings): ReadonlyArray<AlertSpec> => [
  ...bootAlerts(settings),
  crashLoop(settings),
  signatureRejections(settings),
  clockSkew(settings),
];
