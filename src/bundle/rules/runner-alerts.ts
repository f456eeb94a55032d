/** Alerts on runners: boots, exits, signatures and clocks. */
import { series, type Where } from "../series.ts";
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { atLeastAbove, p95, type TailQuery } from "./histogram-tail.ts";
import { formatPercent, spellDuration } from "../../contract/format-numbers.ts";
import { counters } from "./recording.ts";

const poolOfJob = "Pool {{ $labels.flame_pool_name }} of {{ $labels.job }}";

const bootAlerts = ({ selector, thresholds }: BundleSettings): ReadonlyArray<AlertSpec> => {
  const booted: TailQuery<"bootDuration"> = {
    key: "bootDuration",
    where: { result: "ok" },
    window: "30m",
    selector,
  };
  const boots = (where: Where<"bootDuration">, window = "15m"): string =>
    `sum by (job, flame_pool_name) (increase(${series("bootDuration", where, "count", selector)}[${window}]))`;
  const failures = { result: ["=~", "error|timeout"] } as const;
  const failed = boots(failures);
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
      keepFiringFor: "10m",
      summary: `${poolOfJob}: runners take {{ $value | humanizeDuration }} to boot`,
      description:
        `Over 30 minutes, the 95th percentile of boot times was above ${spellDuration(thresholds.bootSeconds)}. ` +
        "Calls that find no free slot wait that long. The flame.runner.boot trace shows whether the time goes into starting the process or into loading the program.",
    },
    {
      ...shared,
      name: "FlameBootFailing",
      severity: "ticket",
      value: `${failed}\n/\n(${boots({ result: ["!=", "canceled"] })} > 0)`,
      comparison: { operator: ">", threshold: thresholds.bootFailureShare },
      conditions: [
        `on (job, flame_pool_name) ${failed} >= ${thresholds.minBoots}`,
        `on (job, flame_pool_name) ${boots(failures, "5m")} > 0`,
      ],
      for: "10m",
      keepFiringFor: "5m",
      summary: `${poolOfJob}: {{ $value | humanizePercentage }} of boots fail`,
      description:
        `Over 15 minutes, more than ${formatPercent(thresholds.bootFailureShare)} of the started runners failed to boot. ` +
        "The pool waits longer after each failure. Without any runner, its calls fail with no_runner. The log record flame.runner.boot_failed has the cause.",
    },
  ];
};

const crashesWithin = ({ selector }: BundleSettings, window: string): string =>
  `sum without (reason) (increase(${series("terminations", { reason: "crash" }, undefined, selector)}[${window}]))`;

const crashLoop = (settings: BundleSettings): AlertSpec => ({
  name: "FlameRunnerCrashLoop",
  severity: "ticket",
  area: "runners",
  value: crashesWithin(settings, "10m"),
  comparison: { operator: ">=", threshold: settings.thresholds.crashes },
  conditions: [`${crashesWithin(settings, "5m")} > 0`],
  for: "0s",
  keepFiringFor: "10m",
  summary: `${poolOfJob} at {{ $labels.instance }}: {{ $value | printf "%.0f" }} runners crashed within 10 minutes`,
  description:
    `${settings.thresholds.crashes} or more runners of one parent exited unexpectedly. Their calls failed or were retried. ` +
    "The log record flame.runner.lost has the exit code or signal of each.",
  dashboard: "runners",
  variables: ["job", "instance", "pool"],
});

/**
 * A runner counts the requests that it rejects, and a parent the responses; runners are seldom scraped. A parent also
 * sees its attempts rejected. The alert uses the larger of the two counts. Requests signed for an earlier process of a
 * runner are not counted: every parent sends some after a restart and signs them again.
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
    keepFiringFor: "5m",
    summary: `${poolOfJob}: {{ $value | printf "%.0f" }} requests or responses failed their signature check within 5 minutes`,
    description:
      "A process signs with a wrong secret, clocks differ too much, a proxy repeats or changes requests, or this is an attack. " +
      "The reason label of the rejections shows which. The usual cause is a secret that was rotated too fast.",
    dashboard: "runners",
    variables: ["job", "pool"],
  };
};

const clockSkew = ({ selector, thresholds }: BundleSettings): AlertSpec => {
  const offset: TailQuery<"clockOffset"> = { key: "clockOffset", window: "5m", selector };
  return {
    name: "FlameClockSkew",
    severity: "ticket",
    area: "runners",
    value: p95(offset),
    comparison: { operator: ">", threshold: thresholds.clockOffsetSeconds },
    conditions: [atLeastAbove(offset, thresholds.clockOffsetSeconds, thresholds.minEvents)],
    for: "10m",
    keepFiringFor: "5m",
    summary: `${poolOfJob}: clocks of parent and runners differ by {{ $value | humanizeDuration }}`,
    description:
      `For 10 minutes, the clocks differed by more than ${spellDuration(thresholds.clockOffsetSeconds)} in at least 1 of 20 calls. ` +
      "Deadlines and running calls are not affected, but spans are shifted against each other. Beyond security.windowMs (60 seconds), runners reject new parents.",
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
