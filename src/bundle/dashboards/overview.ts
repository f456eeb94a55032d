/** Overview: rate, errors and duration of all calls. Is it broken, for whom, since when? */
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
  const unhappyCalls = select("callDuration", { rpc_status_code: ["!=", "OK"] }, "count");
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
            description: `Share of calls that failed in a way that spends the error budget. ${budget} Yellow: faster than allowed. Red: as fast as FlameErrorBudgetBurnFast fires.`,
            queries: [promql(share(rate(failedCalls), rate(calls)), "failed")],
            unit: "percentunit",
            levels: budgetLevels(settings),
            links: [runbookPanelLink(settings, "FlameErrorBudgetBurnFast")],
          }),
          stat({
            title: "Calls",
            description: "Logical calls that ended, per second. A call counts once, however many attempts it took.",
            queries: [promql(total(rate(calls)), "calls")],
            unit: "reqps",
            levels: neutral,
          }),
          stat({
            title: "p95",
            description: "95 of 100 calls took no longer, waiting and retries included.",
            queries: [promql(quantile(0.95, duration), "p95")],
            unit: "s",
            levels: neutral,
            nothing: "no calls",
          }),
          stat({
            title: "In flight",
            description: "Calls that have begun and not ended. A number that only grows means calls that never end.",
            queries: [promql(total(active), "in flight")],
            unit: "short",
            levels: neutral,
          }),
          stat({
            title: "Fullest pool",
            description:
              "Slots in use of those that the pool may grow to, in the fullest pool of any parent. FlamePoolSaturationHigh and FlamePoolSaturated watch it.",
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
            description:
              "Calls that ended, per second. A method that falls to 0 while the others go on is worth a look.",
            queries: [promql(sum(rate(calls), "rpc_method"), "{{rpc_method}}")],
            unit: "reqps",
            valueLinks: [toMethod],
          }),
          lines({
            title: "Failed calls by method",
            description: `Share of each method's calls that spend the error budget. ${budget} The upper line is where FlameErrorBudgetBurnFast fires, if it lasts.`,
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
              "How long calls took, waiting and retries included. The dots are single calls: a click leads to the trace.",
            queries: [0.5, 0.95, 0.99].map((q) => withExemplars(quantile(q, duration), `p${q * 100}`)),
            unit: "s",
            colors: quantileColors,
            links: [tracesLink("Slow traces", callSpans("link", "duration > 1s"))],
          }),
          stack({
            title: "Failures by status",
            description:
              "Calls that did not end with OK, per second, by status. DEADLINE_EXCEEDED is time, RESOURCE_EXHAUSTED is pools, UNAVAILABLE is runners or network, INTERNAL and UNKNOWN are handlers.",
            queries: [promql(sum(rate(unhappyCalls), "rpc_status_code"), "{{rpc_status_code}}")],
            unit: "reqps",
            colors: statusColors,
            nothing: "No call failed",
            links: [failedTraces, failureLogs],
          }),
        ),
      ],
    },
    {
      title: "Who is slow, and who calls whom",
      lines: [
        line(
          10,
          table(
            {
              title: "Slowest methods",
              description:
                "All methods over the chosen time, the slowest first. A click on a method leads to where its time goes.",
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
                    title: "Where its time goes",
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
              "Which service calls which, with rates and errors, from the traces. It needs a collector or Tempo that makes a service graph, and a Tempo data source that knows the Prometheus with it.",
            queries: [serviceMap],
          }),
        ),
        line(
          7,
          lines({
            title: "In flight by method",
            description:
              "Calls that have begun and not ended. Growth without more calls means that something got slower.",
            queries: [promql(sum(active, "rpc_method"), "{{rpc_method}}")],
            unit: "short",
            valueLinks: [toMethod],
          }),
          lines({
            title: "Saturation by pool",
            description:
              "Slots in use of those that the pool may grow to, of its fullest parent. The lines are FlamePoolSaturationHigh and FlamePoolSaturated.",
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
