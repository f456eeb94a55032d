/** Alerts on telemetry itself: whether the other alerts, and the traces, can be believed. */
import { foreign } from "../external-series.ts";
import { series, type Where } from "../series.ts";
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { percent } from "./numbers.ts";

/** Spans that died with their runner, of all that runners made. */
const lostWithRunners = ({ selector, thresholds }: BundleSettings): string => {
  const spans = (where: Where<"telemetrySpans">): string =>
    `sum by (job, flame_pool_name) (increase(${series("telemetrySpans", where, undefined, selector)}[15m]))`;
  const lost = spans({ outcome: "lost" });
  return `(${lost} >= ${thresholds.minEvents}) / (${spans({})} > 0)`;
};

/**
 * Spans that a collector refused, could not queue or could not send, of all that came to it. It appears with what it
 * measures: without a collector, or without trouble, there is nothing.
 */
const lostInCollector = ({ thresholds }: BundleSettings): string => {
  const increase = (name: Parameters<typeof foreign>[0]): string => `increase(${foreign(name)}[15m])`;
  const lost = [
    `label_replace(${increase("spansSendFailed")}, "lost_in", "send", "", "")`,
    `label_replace(${increase("spansEnqueueFailed")}, "lost_in", "enqueue", "", "")`,
    `label_replace(${increase("spansRefused")}, "lost_in", "receive", "", "")`,
  ].join("\n    or ");
  return `(\n  sum by (job) (\n    ${lost}\n  ) >= ${thresholds.minEvents}\n)\n/ (sum by (job) (${increase("spansAccepted")} or label_replace(${increase("spansRefused")}, "lost_in", "receive", "", "")) > 0)`;
};

/**
 * Collectors that do not answer, of those of a job that took spans within the hour: they count nothing any more, and what
 * is sent to them is lost.
 */
const collectorsDown = (): string => {
  const known = `and on (job, instance) count_over_time(${foreign("spansAccepted")}[1h])`;
  const up = foreign("up");
  return `count by (job) (${up} == 0 ${known})\n/ count by (job) (${up} ${known})`;
};

const telemetryLoss = (settings: BundleSettings): AlertSpec => ({
  name: "FlameTelemetryLoss",
  severity: "ticket",
  area: "telemetry",
  value: [lostWithRunners(settings), collectorsDown(), lostInCollector(settings)].join("\nor\n"),
  comparison: { operator: ">", threshold: settings.thresholds.lostSpanShare },
  for: "5m",
  keepFiringFor: "15m",
  summary:
    "{{ if $labels.flame_pool_name }}Pool {{ $labels.flame_pool_name }} of {{ $labels.job }}{{ else }}Collector {{ $labels.job }}{{ end }}: {{ $value | humanizePercentage }} of spans are lost",
  description:
    `Over 15 minutes, more than ${percent(settings.thresholds.lostSpanShare)} of the spans did not arrive. ` +
    "{{ if $labels.flame_pool_name }}They died with their runners or could not be sent by them, so traces of calls end at the attempt: see whether runners crash, and whether they reach the collector." +
    "{{ else }}The collector is down, refused them, could not queue them or could not send them on: see its exporters and its memory.{{ end }} Metrics are not concerned.",
  dashboard: "telemetry",
  variables: [],
});

/**
 * A job that cannot be seen any more: an hour ago it had metrics; or within the hour it had, and now its targets do not
 * answer. Asked of a counter that outlives its pool, so that a pool which is closed is not missed.
 */
const metricsAbsent = ({ selector }: BundleSettings): AlertSpec => {
  const alive = series("telemetrySpans", { outcome: "reported" }, undefined, selector);
  return {
    name: "FlameMetricsAbsent",
    severity: "page",
    area: "telemetry",
    value:
      `(\n  group by (job) (${alive} offset 1h)\n  or\n` +
      `  group by (job) (${foreign("up")} == 0 and on (job, instance) count_over_time(${alive}[1h]))\n)\n` +
      `unless on (job)\ngroup by (job) (${alive})`,
    comparison: { operator: ">", threshold: 0 },
    for: "5m",
    summary: "{{ $labels.job }} does not report any more",
    description:
      "Within the last hour this job had metrics of Firelight, and for 5 minutes it has had none. It is down, cannot be scraped, or stopped to push. " +
      "Until it reports again, no other alert can tell how it is. This one ends by itself an hour after the last metrics: that is no good news.",
    dashboard: "telemetry",
    variables: ["job"],
  };
};

export const telemetryAlerts = (settings: BundleSettings): ReadonlyArray<AlertSpec> => [
  telemetryLoss(settings),
  metricsAbsent(settings),
];
