/** Overview dashboard: rate, errors and duration of all calls. Is it broken, for whom, since when? */
import type { Dashboard, DataTransformerConfig } from "@grafana/grafana-foundation-sdk/dashboard";
import type { BundleSettings } from "../settings.ts";
import { alertTimeline, firingCount } from "./alerts.ts";
import { budgetLevels, objectiveText } from "./budget.ts";
import { quantileColors, statusColors } from "./colors.ts";
import { makeDashboard } from "./dashboard.ts";
import {
  increase,
  makeSelect,
  max,
  quantile,
  quantileWithin,
  rate,
  share,
  spendsBudget,
  sum,
  total,
} from "./expressions.ts";
import { lines, stack, stat } from "./graphs.ts";
import { line } from "./layout.ts";
import { dashboardLink, runbookPanelLink, tracesLink, logsLink } from "./links.ts";
import { nodeGraph, table } from "./lists.ts";
import { override } from "./panel.ts";
import { column, promql, serviceMap, withExemplars } from "./queries.ts";
import { callLogs, callSpans } from "./search.ts";
import { alertFrom, neutral } from "./thresholds.ts";
import type { Choice } from "./variables.ts";

const choices: ReadonlyArray<Choice> = ["job", "instance", "pool", "method"];

const columns: ReadonlyArray<readonly [name: string, unit: string]> = [
  ["Calls", "short"],
  ["Failed", "percentunit"],
  ["p50", "s"],
  ["p95", "s"],
  ["p99", "s"],
];

const asOneTable: ReadonlyArray<DataTransformerConfig> = [
  { id: "merge", options: {} },
  {
    id: "organize",
    options: {
      excludeByName: { Time: true },
      renameByName: {
        rpc_method: "Method",
        ...Object.fromEntries(columns.map(([name], index) => [`Value #${String.fromCodePoint(65 + index)}`, name])),
      },
    },
  },
];

export const overview = (settings: BundleSettings): Dashboard => {
  const select = makeSelect(settings, choices);
  const calls = select("callDuration", {}, "count");
  const failedCalls = select("callDuration", { rpc_status_code: spendsBudget(settings) }, "count");
  const notOkCalls = select("callDuration", { rpc_status_code: ["!=", "OK"] }, "count");
  const duration = select("callDuration", {}, "bucket");
  const active = select("active");
  const saturation = `${select("slotsUsed")} / (${select("slotsLimit")} > 0)`;

  const toMethod = dashboardLink(settings, {
    title: "Method: ${__field.labels.rpc_method}",
    to: "method",
    from: choices,
    choose: { method: "${__field.labels.rpc_method}" },
  });
  const toPools = dashboardLink(settings, { title: "Pools", to: "pools", from: choices });
  const failedTraces = tracesLink("Failed traces", callSpans("link", "status = error"));
  const failureLogs = logsLink("Logs of failures", callLogs("link", 'severity_text=~"WARN|ERROR"'));
  const budget = objectiveText(settings);

  return makeDashboard(settings, "overview", choices, [
    {
      lines: [
        line(
          4,
          firingCount(settings),
          stat({
            title: "Failed",
            description: `Share of failed calls that count against the error budget. ${budget} Yellow: above the budget. Red: FlameErrorBudgetBurnFast.`,
            queries: [promql(share(rate(failedCalls), rate(calls)), "failed")],
            unit: "percentunit",
            levels: budgetLevels(settings),
            links: [runbookPanelLink(settings, "FlameErrorBudgetBurnFast")],
          }),
          stat({
            title: "Calls",
            description: "Completed calls per second. A call counts once, regardless of its attempts.",
            queries: [promql(total(rate(calls)), "calls")],
            unit: "reqps",
            levels: neutral,
          }),
          stat({
            title: "p95",
            description: "95% of calls were at least this fast, including waiting and retries.",
            queries: [promql(quantile(0.95, duration), "p95")],
            unit: "s",
            levels: neutral,
            nothing: "No calls",
          }),
          stat({
            title: "In flight",
            description:
              "Calls that have started and not finished. A number that only grows indicates calls that never end.",
            queries: [promql(total(active), "in flight")],
            unit: "short",
            levels: neutral,
          }),
          stat({
            title: "Fullest pool",
            description:
              "Share of the slot limit in use, in the fullest pool of any parent. Watched by FlamePoolSaturationHigh and FlamePoolSaturated.",
            queries: [promql(`${max(saturation)} or vector(0)`, "fullest")],
            unit: "percentunit",
            levels: alertFrom(settings.thresholds.saturationFull, settings.thresholds.saturationHigh),
            valueLinks: [toPools],
            links: [runbookPanelLink(settings, "FlamePoolSaturated")],
          }),
        ),
        line(5, alertTimeline(settings)),
      ],
    },
    {
      title: "Rate, errors, duration",
      lines: [
        line(
          8,
          lines({
            title: "Calls by method",
            description: "Completed calls per second. Investigate a method that drops to 0 while others continue.",
            queries: [promql(sum(rate(calls), "rpc_method"), "{{rpc_method}}")],
            unit: "reqps",
            valueLinks: [toMethod],
          }),
          lines({
            title: "Failed calls by method",
            description: `Share of each method's calls that count against the error budget. ${budget} The upper line is the threshold of FlameErrorBudgetBurnFast.`,
            queries: [promql(share(rate(failedCalls), rate(calls), "rpc_method"), "{{rpc_method}}")],
            unit: "percentunit",
            levels: budgetLevels(settings),
            links: [failedTraces, failureLogs, runbookPanelLink(settings, "FlameErrorBudgetBurnSlow")],
            valueLinks: [toMethod],
          }),
        ),
        line(
          8,
          lines({
            title: "Duration",
            description:
              "Call duration, including waiting and retries. Each dot is a single call: click it to open the trace.",
            queries: [0.5, 0.95, 0.99].map((q) => withExemplars(quantile(q, duration), `p${q * 100}`)),
            unit: "s",
            colors: quantileColors,
            links: [tracesLink("Slow traces", callSpans("link", "duration > 1s"))],
          }),
          stack({
            title: "Failures by status",
            description:
              "Calls per second that did not end with OK, by status. DEADLINE_EXCEEDED: timeouts. RESOURCE_EXHAUSTED: pools. UNAVAILABLE: runners or the network. INTERNAL and UNKNOWN: handlers.",
            queries: [promql(sum(rate(notOkCalls), "rpc_status_code"), "{{rpc_status_code}}")],
            unit: "reqps",
            colors: statusColors,
            nothing: "No failed calls",
            links: [failedTraces, failureLogs],
          }),
        ),
      ],
    },
    {
      title: "Slow methods and service map",
      lines: [
        line(
          10,
          table(
            {
              title: "Slowest methods",
              description:
                "All methods over the selected time range, slowest first. Click a method to see where it spends its time.",
              queries: [
                column(sum(increase(calls, "$__range"), "rpc_method"), "Calls"),
                column(share(increase(failedCalls, "$__range"), increase(calls, "$__range"), "rpc_method"), "Failed"),
                ...[0.5, 0.95, 0.99].map((q) =>
                  column(quantileWithin("$__range", q, duration, "rpc_method"), `p${q * 100}`),
                ),
              ],
              unit: "short",
            },
            "p95",
            asOneTable,
            [
              override("byName", "Method", {
                id: "links",
                value: [
                  dashboardLink(settings, {
                    title: "Where the time goes",
                    to: "method",
                    from: choices,
                    choose: { method: "${__value.raw}" },
                  }),
                ],
              }),
              ...columns.map(([name, unit]) => override("byName", name, { id: "unit", value: unit })),
            ],
          ),
          nodeGraph({
            title: "Service map",
            description:
              "Which service calls which, with rates and errors, from traces. Requires a collector or Tempo that generates a service graph, and a Tempo data source linked to the Prometheus that stores it.",
            queries: [serviceMap],
          }),
        ),
        line(
          7,
          lines({
            title: "In flight by method",
            description:
              "Calls that have started and not finished. Growth at a constant call rate means that calls got slower.",
            queries: [promql(sum(active, "rpc_method"), "{{rpc_method}}")],
            unit: "short",
            valueLinks: [toMethod],
          }),
          lines({
            title: "Saturation by pool",
            description:
              "Share of the slot limit in use, per pool, for its fullest parent. The lines are FlamePoolSaturationHigh and FlamePoolSaturated.",
            queries: [promql(max(saturation, "flame_pool_name"), "{{flame_pool_name}}")],
            unit: "percentunit",
            min: 0,
            levels: alertFrom(settings.thresholds.saturationFull, settings.thresholds.saturationHigh),
            links: [runbookPanelLink(settings, "FlamePoolSaturationHigh")],
            valueLinks: [
              dashboardLink(settings, {
                title: "Pool: ${__field.labels.flame_pool_name}",
                to: "pools",
                from: choices,
                choose: { pool: "${__field.labels.flame_pool_name}" },
              }),
            ],
          }),
        ),
      ],
    },
  ]);
};
