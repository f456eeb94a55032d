/** Method: where the time of one method goes, or of the chosen ones, down to single traces and their logs. */
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
  const toRetries = dashboardLink(settings, { title: "Retries and time-outs", to: "retries", from: choices });
  const toPools = dashboardLink(settings, { title: "Pools", to: "pools", from: choices });
  const meanByPhase = `${sum(rate(phaseSum), "phase")} / on () group_left () (${sum(rate(calls))} > 0)`;

  return makeDashboard(settings, "method", choices, [
    {
      lines: [
        line(
          4,
          stat({
            title: "Failed",
            description: `Share of calls that spend the error budget. ${objectiveText(settings)} Red: as fast as FlameErrorBudgetBurnFast fires.`,
            queries: [promql(share(rate(failedCalls), rate(calls)), "failed")],
            unit: "percentunit",
            levels: budgetLevels(settings),
            links: [runbookPanelLink(settings, "FlameErrorBudgetBurnFast")],
          }),
          stat({
            title: "Timed out",
            description: "Share of calls that ended at their deadline. Red: FlameDeadlineExceeded.",
            queries: [promql(share(rate(timedOut), rate(calls)), "timed out")],
            unit: "percentunit",
            levels: alertFrom(thresholds.deadlineShare),
            links: [runbookPanelLink(settings, "FlameDeadlineExceeded")],
          }),
          stat({
            title: "Calls",
            description: "Logical calls that ended, per second.",
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
            title: "Attempts per call",
            description: "Attempts per call that reached a runner; 1 is no retries. Red: FlameRetryStorm.",
            queries: [promql(per(rate(attempts), rate(firstAttempts)), "attempts")],
            unit: "short",
            decimals: 2,
            levels: alertFrom(thresholds.amplification),
            nothing: "no calls",
            valueLinks: [toRetries],
          }),
          stat({
            title: "In flight",
            description: "Calls that have begun and not ended.",
            queries: [promql(total(select("active")), "in flight")],
            unit: "short",
            levels: neutral,
          }),
        ),
      ],
    },
    {
      title: "How long",
      lines: [
        line(
          9,
          heatmap({
            title: "Duration, all calls",
            description:
              "How many calls took how long. Two bands are two kinds of calls, such as warm and cold ones. The dots are single calls: a click leads to the trace.",
            queries: [buckets(sum(increase(duration), "le"))],
            unit: "s",
            links: [slowTraces],
          }),
          lines({
            title: "Duration",
            description: "Waiting and retries included. The dots are single calls: a click leads to the trace.",
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
              "The mean call, split into its phases; the height is its duration. Yellow (acquire): it waited for a runner, see Pools. Blue (handler): your code. Orange (backoff): between attempts, see Retries. Purple (network): the wire, or a busy event loop.",
            queries: [promql(meanByPhase, "{{phase}}")],
            unit: "s",
            colors: phaseColors,
            links: [slowTraces, toPools, toRetries],
          }),
          lines({
            title: "Phases, p95",
            description:
              "Each phase by itself: 95 of 100 calls spent no longer in it. They do not add up to the p95 of the call.",
            queries: [promql(quantile(0.95, select("phaseDuration", {}, "bucket"), "phase"), "{{phase}}")],
            unit: "s",
            colors: phaseColors,
            links: [slowTraces],
          }),
        ),
      ],
    },
    {
      title: "How calls end",
      lines: [
        line(
          8,
          stack({
            title: "Calls by status",
            description: "Calls that ended, per second, by status.",
            queries: [promql(sum(rate(calls), "rpc_status_code"), "{{rpc_status_code}}")],
            unit: "reqps",
            colors: statusColors,
            links: [failedTraces, logs],
          }),
          lines({
            title: "Failed calls",
            description: `Share of calls that spend the error budget, by method. ${objectiveText(settings)} The upper line is where FlameErrorBudgetBurnFast fires, if it lasts.`,
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
              "Calls that took longer than “Slow from” above. The id leads to the trace and to its logs; flame.phase.*_ms on the call's span say where the time went.",
            queries: [traceql(callSpans("panel", "duration > $slow"))],
            nothing: "No call was slower",
          }),
          traceList({
            title: "Failed calls, their traces",
            description:
              "Calls that ended with an error, but for those that their caller canceled. The id leads to the trace and to its logs.",
            queries: [traceql(callSpans("panel", "status = error", `${spanAttribute("status")} != "CANCELLED"`))],
            nothing: "No call failed",
          }),
        ),
        line(
          10,
          logList({
            title: "Logs",
            description:
              "What parents and runners wrote about these methods: failures, retries, and what was not tried again. For records that came over OTLP.",
            queries: [logql(callLogs("panel"))],
          }),
        ),
      ],
    },
  ]);
};
