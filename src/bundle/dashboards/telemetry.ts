/** Telemetry health dashboard: how much telemetry is lost. Are the other dashboards complete? */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { externalSelector } from "../external-series.ts";
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
  const callSpans = rate(externalSelector("spanCalls", { span_kind: "SPAN_KIND_CLIENT", span_name: "$method" }));
  const queueUse = `${sum(externalSelector("queueSize"), "job", "instance", "exporter")} / (${sum(externalSelector("queueCapacity"), "job", "instance", "exporter")} > 0)`;
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
            description: "Parents whose metrics arrive. Red: none, which is FlameMetricsAbsent.",
            queries: [promql(`count(${sum(rate(spans), "job", "instance")}) or vector(0)`, "parents")],
            unit: "short",
            decimals: 0,
            levels: alertBelow(1),
            links: [absent],
          }),
          stat({
            title: "Lost spans",
            description: "Share of the runners' spans that were lost with their runner. Red: FlameTelemetryLoss.",
            queries: [promql(share(rate(lost), rate(spans)), "lost")],
            unit: "percentunit",
            levels: alertFrom(thresholds.lostSpanShare),
            links: [loss],
          }),
          stat({
            title: "Dropped by collectors",
            description:
              "Spans per second that collectors refused, failed to send or failed to queue. Also 0 if no collector reports.",
            queries: [
              promql(dropped.map(([, key]) => `(${total(rate(externalSelector(key)))})`).join(" + "), "dropped"),
            ],
            unit: "cps",
            levels: lookFrom(0.001, colors.error),
            links: [loss],
          }),
          stat({
            title: "Fullest queue",
            description: "The sending queue closest to its limit, of all collectors. Empty if no collector reports.",
            queries: [promql(max(queueUse), "queue")],
            unit: "percentunit",
            levels: lookFrom(0.7),
            nothing: "No collector",
          }),
          stat({
            title: "Call spans per call",
            description:
              "Call spans that collectors received per call that parents counted. It is 1 if all traces reach the collector; less if spans are lost or sampled before it.",
            queries: [
              promql(
                `${sum(`${callSpansByMethod} and ${callsByMethod}`)} / (${sum(rate(calls))} > 0)`,
                "spans per call",
              ),
            ],
            unit: "short",
            decimals: 2,
            levels: rightWithin(0.95, 1.05),
            nothing: "No span metrics",
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
            description: "Spans that runners exported, and spans that were lost with them or could not be sent.",
            queries: [promql(sum(rate(spans), "outcome"), "{{outcome}}")],
            unit: "cps",
            colors: spanOutcomeColors,
            links: [loss],
            valueLinks: [toRunners],
          }),
          lines({
            title: "Lost spans by pool",
            description:
              "Share of the runners' spans that were lost with their runner. The line is FlameTelemetryLoss.",
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
              "Spans that collectors received and sent. Fewer are sent if traces are sampled. Covers every collector that Prometheus scrapes.",
            queries: [
              promql(sum(rate(externalSelector("spansAccepted")), "receiver"), "in {{receiver}}"),
              promql(sum(rate(externalSelector("spansSent")), "exporter"), "out {{exporter}}"),
            ],
            unit: "cps",
            nothing: "No collector is scraped",
          }),
          lines({
            title: "Dropped spans",
            description:
              "refused: the collector is out of memory or its queue is full, and it rejected the spans. failed to send: the tracing backend rejected them. failed to queue: the queue was full, and the spans were dropped.",
            queries: dropped.map(([name, key]) => promql(sum(rate(externalSelector(key))), name)),
            unit: "cps",
            colors: { refused: colors.waiting, "failed to send": colors.retry, "failed to queue": colors.error },
            nothing: "No collector is scraped",
            links: [loss],
          }),
          lines({
            title: "Queue use",
            description:
              "Share of each exporter's sending queue in use. A queue that fills up means that its target is slow or down.",
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
      title: "Reconciliation",
      lines: [
        line(
          8,
          lines({
            title: "Call spans per call, by method",
            description:
              "Call spans that collectors received per call that parents counted. It is 1 if all traces reach a collector that generates span metrics before sampling. Spans have no job label: select all jobs.",
            queries: [promql(`${callSpansByMethod} / ${callsByMethod}`, `{{${byMethod}}}`)],
            unit: "short",
            decimals: 2,
            levels: rightWithin(0.95, 1.05),
            nothing: "No collector generates span metrics",
            links: [loss],
          }),
          lines({
            title: "Calls by parent",
            description:
              "Calls per second that each parent reports. A series that ends is a parent that exited or is no longer scraped.",
            queries: [promql(sum(rate(calls), "job", "instance"), "{{job}} {{instance}}")],
            unit: "reqps",
            links: [absent],
          }),
        ),
      ],
    },
  ]);
};
