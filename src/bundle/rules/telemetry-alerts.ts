/** Alerts on telemetry itself: whether the other alerts and the traces are complete. */
import { externalSelector } from "../external-series.ts";
import { series, type Where } from "../series.ts";
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { formatPercent } from "../../contract/format-numbers.ts";

/** Share of the runners' spans that were lost with their runner. */
const lostWithRunners = ({ selector, thresholds }: BundleSettings): string => {
  const spans = (where: Where<"telemetrySpans">, window = "15m"): string =>
    `sum by (job, flame_pool_name) (increase(${series("telemetrySpans", where, undefined, selector)}[${window}]))`;
  const lost = { outcome: "lost" } as const;
  const known = spans({ outcome: ["=~", "reported|lost"] });
  return `(${spans(lost)} >= ${thresholds.minEvents} and ${spans(lost, "3m")} > 0) / (${known} > 0)`;
};

/**
 * Share of a collector's spans that it refused, could not queue or could not send. No result without a collector, or
 * without lost spans.
 */
const lostInCollector = ({ thresholds }: BundleSettings): string => {
  const increase = (name: Parameters<typeof externalSelector>[0], window = "15m"): string =>
    `increase(${externalSelector(name)}[${window}])`;
  const lost = (window: string): string =>
    [
      `label_replace(${increase("spansSendFailed", window)}, "lost_in", "send", "", "")`,
      `label_replace(${increase("spansEnqueueFailed", window)}, "lost_in", "enqueue", "", "")`,
      `label_replace(${increase("spansRefused", window)}, "lost_in", "receive", "", "")`,
    ].join("\n    or ");
  return `(\n  sum by (job) (\n    ${lost("15m")}\n  ) >= ${thresholds.minEvents}\n  and sum by (job) (\n    ${lost("3m")}\n  ) > 0\n)\n/ (sum by (job) (${increase("spansAccepted")} or label_replace(${increase("spansRefused")}, "lost_in", "receive", "", "")) > 0)`;
};

/**
 * Share of a job's collectors that are down. A collector that is down counts nothing, and spans sent to it are lost.
 * What is a collector: a target that accepted spans within the last hour, or that the settings name, even if it never
 * answered.
 */
const collectorsDown = ({ collectorSelector }: BundleSettings): string => {
  const known = `and on (job, instance) (count_over_time(${externalSelector("spansAccepted")}[1h]) or ${externalSelector("up")}{${collectorSelector}})`;
  const up = externalSelector("up");
  return `count by (job) (${up} == 0 ${known})\n/ count by (job) (${up} ${known})`;
};

const telemetryLoss = (settings: BundleSettings): AlertSpec => ({
  name: "FlameTelemetryLoss",
  severity: "ticket",
  area: "telemetry",
  value: [lostWithRunners(settings), collectorsDown(settings), lostInCollector(settings)].join("\nor\n"),
  comparison: { operator: ">", threshold: settings.thresholds.lostSpanShare },
  for: "10m",
  keepFiringFor: "5m",
  summary:
    "{{ if $labels.flame_pool_name }}Pool {{ $labels.flame_pool_name }} of {{ $labels.job }}{{ else }}Collector {{ $labels.job }}{{ end }}: {{ $value | humanizePercentage }} of spans are lost",
  description:
    `Over 15 minutes, more than ${formatPercent(settings.thresholds.lostSpanShare)} of the spans were lost, and this continues. ` +
    "{{ if $labels.flame_pool_name }}Runners crashed before the export or could not send the spans, so traces end at the attempt. Check whether runners crash and whether they reach the collector." +
    "{{ else }}The collector is down, refused the spans, or could not queue or send them. Check its exporters and its memory.{{ end }} Metrics are not affected.",
  dashboard: "telemetry",
  variables: [],
});

/**
 * Fires for a job that stopped reporting: it had metrics an hour ago, or it had some within the hour and its targets
 * are down now. A job that had none three hours ago is new or not a service, such as a nightly batch that ended. Uses
 * a counter that outlives its pool, so a closed pool does not trigger it.
 */
const metricsAbsent = ({ selector }: BundleSettings): AlertSpec => {
  const alive = series("telemetrySpans", { outcome: "reported" }, undefined, selector);
  return {
    name: "FlameMetricsAbsent",
    severity: "page",
    area: "telemetry",
    value:
      `(\n  group by (job) (${alive} offset 1h)\n  or\n` +
      `  group by (job) (${externalSelector("up")} == 0 and on (job, instance) count_over_time(${alive}[1h]))\n)\n` +
      `and on (job)\ngroup by (job) (${alive} offset 3h)\nunless on (job)\ngroup by (job) (${alive})`,
    comparison: { operator: ">", threshold: 0 },
    for: "5m",
    summary: "{{ $labels.job }} stopped reporting",
    description:
      "This job has reported Firelight metrics for hours and within the last hour, but none for 5 minutes. It is down, cannot be scraped, or stopped pushing. " +
      "Until it reports again, no other alert can fire for it. This alert resolves an hour after the last metrics, even if the job is still down.",
    dashboard: "telemetry",
    variables: ["job"],
  };
};

export const telemetryAlerts = (settings: BundleSettings): ReadonlyArray<AlertSpec> => [
  telemetryLoss(settings),
  metricsAbsent(settings),
];
