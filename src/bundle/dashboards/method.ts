/** Method dashboard: where the selected methods spend their time, down to single traces and their logs. */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import type { BundleSettings } from "../settings.ts";
import { budgetLevels, objectiveText } from "./budget.ts";
import { phaseColors, quantileColors, statusColors } from "./colors.ts";
import { makeDashboard } from "./dashboard.ts";
import { increase, makeSelect, per, quantile, rate, share, spendsBudget, sum, total } from "./expressions.ts";
import { heatmap, lines, stack, stat } from "./graphs.ts";
import { line } from "./layout.ts";
import { dashboardLink, logsLink, runbookPanelLink, tracesLink } from "./links.ts";
import { logList, traceList } from "./lists.ts";
import { buckets, logql, promql, traceql, withExemplars } from "./queries.ts";
import { callLogs, callSpans, spanAttribute } from "./search.ts";
import { alertFrom, neutral } from "./thresholds.ts";
import type { Choice } from "./variables.ts";

const choices: ReadonlyArray<Choice> = ["job", "instance", "pool", "method", "slow"];

export const method = (settings: BundleSettings): Dashboard => {
  const { thresholds } = settings;
  const select = makeSelect(settings, choices);
  const calls = select("callDuration", {}, "count");
  const failedCalls = select("callDuration", { rpc_status_code: spendsBudget(settings) }, "count");
  const timedOut = select("callDuration", { rpc_status_code: "DEADLINE_EXCEEDED" }, "count");
  const duration = select("callDuration", {}, "bucket");
  const attempts = select("attemptDuration", {}, "count");
  const firstAttempts = select("attemptDuration", { attempt_kind: "first" }, "count");
  const phaseSum = select("phaseDuration", {}, "sum");

  const slowTraces = tracesLink("Slow traces", callSpans("link", "duration > ${slow}"));
  const failedTraces = tracesLink("Failed traces", callSpans("link", "status = error"));
  const logs = logsLink("Logs", callLogs("link"));
  const toRetries = dashboardLink(settings, { title: "Retries and timeouts", to: "retries", from: choices });
  const toPools = dashboardLink(settings, { title: "Pools", to: "pools", from: choices });
  const meanByPhase = `${sum(rate(phaseSum), "phase")} / on () group_left () (${sum(rate(calls))} > 0)`;

  return makeDashboard(settings, "method", choices, [
    {
      lines: [
        line(
          4,
          stat({
            title: "Failed",
            description: `Share of failed calls that count against the error budget. ${objectiveText(settings)} Red: FlameErrorBudgetBurnFast.`,
            queries: [promql(share(rate(failedCalls), rate(calls)), "failed")],
            unit: "percentunit",
            levels: budgetLevels(settings),
            links: [runbookPanelLink(settings, "FlameErrorBudgetBurnFast")],
          }),
          stat({
            title: "Timed out",
            description: "Share of calls that exceeded their deadline. Red: FlameDeadlineExceeded.",
            queries: [promql(share(rate(timedOut), rate(calls)), "timed out")],
            unit: "percentunit",
            levels: alertFrom(thresholds.deadlineShare),
            links: [runbookPanelLink(settings, "FlameDeadlineExceeded")],
          }),
          stat({
            title: "Calls",
            description: "Completed calls per second.",
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
            title: "Attempts per call",
            description: "Attempts per call that reached a runner; 1 means no retries. Red: FlameRetryStorm.",
            queries: [promql(per(rate(attempts), rate(firstAttempts)), "attempts")],
            unit: "short",
            decimals: 2,
            levels: alertFrom(thresholds.amplification),
            nothing: "No calls",
            links: [runbookPanelLink(settings, "FlameRetryStorm")],
            valueLinks: [toRetries],
          }),
          stat({
            title: "In flight",
            description: "Calls that have started and not finished.",
            queries: [promql(total(select("active")), "in flight")],
            unit: "short",
            levels: neutral,
          }),
        ),
      ],
    },
    {
      title: "Durations",
      lines: [
        line(
          9,
          heatmap({
            title: "Duration, all calls",
            description:
              "Distribution of call durations. Two bands indicate two kinds of calls, such as warm and cold starts. Each dot is a single call: click it to open the trace.",
            queries: [buckets(sum(increase(duration), "le"))],
            unit: "s",
            links: [slowTraces],
          }),
          lines({
            title: "Duration",
            description:
              "Call duration, including waiting and retries. Each dot is a single call: click it to open the trace.",
            queries: [0.5, 0.95, 0.99].map((q) => withExemplars(quantile(q, duration), `p${q * 100}`)),
            unit: "s",
            colors: quantileColors,
            links: [slowTraces],
          }),
        ),
      ],
    },
    {
      title: "Where the time goes",
      lines: [
        line(
          9,
          stack({
            title: "Mean call by phase",
            description:
              "The mean call duration, split into phases. Yellow (acquire): waiting for a runner, see Pools. Blue (handler): your code. Orange (backoff): waiting between attempts, see Retries. Purple (network): the network, or a busy event loop.",
            queries: [promql(meanByPhase, "{{phase}}")],
            unit: "s",
            colors: phaseColors,
            links: [slowTraces, toPools, toRetries],
          }),
          lines({
            title: "Phases, p95",
            description: "The 95th percentile of each phase. The phases do not add up to the p95 of the call.",
            queries: [promql(quantile(0.95, select("phaseDuration", {}, "bucket"), "phase"), "{{phase}}")],
            unit: "s",
            colors: phaseColors,
            links: [slowTraces],
          }),
        ),
      ],
    },
    {
      title: "Outcomes",
      lines: [
        line(
          8,
          stack({
            title: "Calls by status",
            description: "Completed calls per second, by status.",
            queries: [promql(sum(rate(calls), "rpc_status_code"), "{{rpc_status_code}}")],
            unit: "reqps",
            colors: statusColors,
            links: [failedTraces, logs],
          }),
          lines({
            title: "Failed calls",
            description: `Share of failed calls that count against the error budget, by method. ${objectiveText(settings)} The upper line is the threshold of FlameErrorBudgetBurnFast.`,
            queries: [promql(share(rate(failedCalls), rate(calls), "rpc_method"), "{{rpc_method}}")],
            unit: "percentunit",
            levels: budgetLevels(settings),
            links: [failedTraces, logs, runbookPanelLink(settings, "FlameErrorBudgetBurnSlow")],
          }),
        ),
      ],
    },
    {
      title: "Traces and logs",
      lines: [
        line(
          9,
          traceList({
            title: "Slow calls",
            description:
              "Calls that took longer than “Slow from” above. The id links to the trace and its logs. The attributes flame.phase.*_ms of the call's span show where the time went.",
            queries: [traceql(callSpans("panel", "duration > $slow"))],
            nothing: "No slow calls",
          }),
          traceList({
            title: "Traces of failed calls",
            description:
              "Calls that failed, except those that their caller canceled. The id links to the trace and its logs.",
            queries: [traceql(callSpans("panel", "status = error", `${spanAttribute("status")} != "CANCELLED"`))],
            nothing: "No failed calls",
          }),
        ),
        line(
          10,
          logList({
            title: "Logs",
            description:
              "Log records of parents and runners about these methods: failures, retries, and calls that were not retried. Only records that arrived over OTLP.",
            queries: [logql(callLogs("panel"))],
          }),
        ),
      ],
    },
  ]);
};
