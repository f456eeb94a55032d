/** Telemetry health: what gets lost on the way. Whether the other dashboards can be believed. */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { foreign } from "../external-series.ts";
import type { BundleSettings } from "../settings.ts";
import { colors, spanOutcomeColors } from "./colors.ts";
import { makeDashboard } from "./dashboard.ts";
import { makeSelect, max, rate, share, sum, total } from "./expressions.ts";
import { lines, stack, stat } from "./graphs.ts";
import { line } from "./layout.ts";
import { dashboardLink, runbookPanelLink } from "./links.ts";
import { promql } from "./queries.ts";
import { alertBelow, alertFrom, lookFrom, rightWithin } from "./thresholds.ts";
import type { Choice } from "./variables.ts";

const choices: ReadonlyArray<Choice> = ["job", "instance", "pool", "method"];
const pool = "flame_pool_name";
const byMethod = "rpc_method";

export const telemetry = (settings: BundleSettings): Dashboard => {
  const { thresholds } = settings;
  const select = makeSelect(settings, choices);
  const calls = select("callDuration", {}, "count");
  const spans = select("telemetrySpans");
  const lost = select("telemetrySpans", { outcome: "lost" });
  const callSpans = rate(foreign("spanCalls", { span_kind: "SPAN_KIND_CLIENT", span_name: "$method" }));
  const queueUse = `${sum(foreign("queueSize"), "job", "instance", "exporter")} / (${sum(foreign("queueCapacity"), "job", "instance", "exporter")} > 0)`;
  const named = (expr: string): string => `label_replace(${expr}, "${byMethod}", "$1", "span_name", "(.+)")`;
  const callSpansByMethod = sum(named(callSpans), byMethod);
  const callsByMethod = `(${sum(rate(calls), byMethod)} > 0)`;

  const loss = runbookPanelLink(settings, "FlameTelemetryLoss");
  const absent = runbookPanelLink(settings, "FlameMetricsAbsent");
  const toRunners = dashboardLink(settings, { title: "Runners", to: "runners", from: choices });
  const dropped = [
    ["refused", "spansRefused"],
    ["failed to send", "spansSendFailed"],
    ["failed to queue", "spansEnqueueFailed"],
  ] as const;

  return makeDashboard(settings, "telemetry", choices, [
    {
      lines: [
        line(
          4,
          stat({
            title: "Parents reporting",
            description: "Parents with pools whose metrics arrive. Red: none, which is FlameMetricsAbsent.",
            queries: [promql(`count(${sum(rate(spans), "job", "instance")}) or vector(0)`, "parents")],
            unit: "short",
            decimals: 0,
            levels: alertBelow(1),
            links: [absent],
          }),
          stat({
            title: "Lost spans",
            description: "Share of the runners' spans that died with their runner. Red: FlameTelemetryLoss.",
            queries: [promql(share(rate(lost), rate(spans)), "lost")],
            unit: "percentunit",
            levels: alertFrom(thresholds.lostSpanShare),
            links: [loss],
          }),
          stat({
            title: "Dropped by collectors",
            description:
              "Spans per second that collectors refused, failed to send or failed to queue. Also 0 where no collector reports.",
            queries: [promql(dropped.map(([, key]) => `(${total(rate(foreign(key)))})`).join(" + "), "dropped")],
            unit: "cps",
            levels: lookFrom(0.001, colors.error),
            links: [loss],
          }),
          stat({
            title: "Fullest queue",
            description:
              "The sending queue of a collector that is nearest to its limit. Empty where no collector reports.",
            queries: [promql(max(queueUse), "queue")],
            unit: "percentunit",
            levels: lookFrom(0.7),
            nothing: "no collector",
          }),
          stat({
            title: "Call spans per call",
            description:
              "Call spans that collectors saw, per call that the parents counted. 1 is right where all traces reach the collector; less means spans that were lost or not sampled before it.",
            queries: [
              promql(
                `${sum(`${callSpansByMethod} and ${callsByMethod}`)} / (${sum(rate(calls))} > 0)`,
                "spans per call",
              ),
            ],
            unit: "short",
            decimals: 2,
            levels: rightWithin(0.95, 1.05),
            nothing: "no span metrics",
          }),
        ),
      ],
    },
    {
      title: "From runners",
      lines: [
        line(
          8,
          stack({
            title: "Spans of runners",
            description: "Spans that left the runners, and spans that died with them or could not be sent.",
            queries: [promql(sum(rate(spans), "outcome"), "{{outcome}}")],
            unit: "cps",
            colors: spanOutcomeColors,
            links: [loss],
            valueLinks: [toRunners],
          }),
          lines({
            title: "Lost spans by pool",
            description: "Share of the runners' spans that died with their runner. The line is FlameTelemetryLoss.",
            queries: [promql(share(rate(lost), rate(spans), pool), `{{${pool}}}`)],
            unit: "percentunit",
            levels: alertFrom(thresholds.lostSpanShare),
            links: [loss],
            valueLinks: [toRunners],
          }),
        ),
      ],
    },
    {
      title: "Collectors",
      lines: [
        line(
          8,
          lines({
            title: "Through the collectors",
            description:
              "Spans that came in and went out. Less goes out where traces are sampled. Of every collector that Prometheus scrapes.",
            queries: [
              promql(sum(rate(foreign("spansAccepted")), "receiver"), "in {{receiver}}"),
              promql(sum(rate(foreign("spansSent")), "exporter"), "out {{exporter}}"),
            ],
            unit: "cps",
            nothing: "No collector is scraped",
          }),
          lines({
            title: "Dropped spans",
            description:
              "refused: the collector is out of memory or its queue is full, and told the sender. failed to send: the back end does not take them. failed to queue: the queue is full, and they are gone.",
            queries: dropped.map(([name, key]) => promql(sum(rate(foreign(key))), name)),
            unit: "cps",
            colors: { refused: colors.waiting, "failed to send": colors.retry, "failed to queue": colors.error },
            nothing: "No collector is scraped",
            links: [loss],
          }),
          lines({
            title: "Queue use",
            description:
              "How full the sending queue of each exporter is. A queue that fills belongs to a back end that is too slow or gone.",
            queries: [promql(queueUse, "{{exporter}} {{instance}}")],
            unit: "percentunit",
            min: 0,
            levels: lookFrom(0.7),
            nothing: "No collector is scraped",
          }),
        ),
      ],
    },
    {
      title: "Do the books balance?",
      lines: [
        line(
          8,
          lines({
            title: "Call spans per call, by method",
            description:
              "Call spans that collectors saw, per call that the parents counted. 1 is right where all traces reach the collector, which makes span metrics before it samples. Spans know no job: choose all jobs.",
            queries: [promql(`${callSpansByMethod} / ${callsByMethod}`, `{{${byMethod}}}`)],
            unit: "short",
            decimals: 2,
            levels: rightWithin(0.95, 1.05),
            nothing: "No collector makes metrics from spans",
            links: [loss],
          }),
          lines({
            title: "Calls by parent",
            description:
              "Calls per second that each parent reports. A curve that ends is a parent that is gone, or not scraped any more.",
            queries: [promql(sum(rate(calls), "job", "instance"), "{{job}} {{instance}}")],
            unit: "reqps",
            links: [absent],
          }),
        ),
      ],
    },
  ]);
};
