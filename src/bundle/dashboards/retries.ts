/**
 * Retries and timeouts dashboard: how many calls are retried, which are not and why, and which exceed their deadline.
 */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import type { BundleSettings } from "../settings.ts";
import { attemptKindColors, colors, refusalColors } from "./colors.ts";
import { makeDashboard } from "./dashboard.ts";
import { increase, makeSelect, per, quantile, rate, share, sum } from "./expressions.ts";
import { barGauge, bars, lines, stack, stat } from "./graphs.ts";
import { line } from "./layout.ts";
import { dashboardLink, logsLink, runbookPanelLink, tracesLink } from "./links.ts";
import { logList, traceList } from "./lists.ts";
import { bucketsNow, logql, promql, traceql, withExemplars } from "./queries.ts";
import { callLogs, callSpans, logLabel, spanAttribute } from "./search.ts";
import { alertFrom, lookFrom, neutral } from "./thresholds.ts";
import type { Choice } from "./variables.ts";

const choices: ReadonlyArray<Choice> = ["job", "instance", "pool", "method"];
const byMethod = "rpc_method";

export const retries = (settings: BundleSettings): Dashboard => {
  const { thresholds } = settings;
  const select = makeSelect(settings, choices);
  const calls = select("callDuration", {}, "count");
  const timedOut = select("callDuration", { rpc_status_code: "DEADLINE_EXCEEDED" }, "count");
  const attempts = select("attemptDuration", {}, "count");
  const firstAttempts = select("attemptDuration", { attempt_kind: "first" }, "count");
  const failedAttempts = select("attemptDuration", { rpc_status_code: ["!=", "OK"] }, "count");
  const retried = select("callRetries", {}, "count");
  const refused = select("retriesRefused");
  // Retries are refused by pool, not by method.
  const firstAttemptsOfPool = makeSelect(settings, ["job", "instance", "pool"])(
    "attemptDuration",
    { attempt_kind: "first" },
    "count",
  );
  const refusedForBudget = select("retriesRefused", { reason: "budget" });
  const backoff = select("phaseDuration", { phase: "backoff" }, "sum");

  const severalAttempts = `${spanAttribute("attemptCount")} >= 2`;
  const outOfTime = `${spanAttribute("status")} = "DEADLINE_EXCEEDED"`;
  const aboutRetries = `${logLabel("retryReason")}!="" or ${logLabel("retryRefused")}!=""`;
  const retryTraces = tracesLink("Traces with retries", callSpans("link", severalAttempts));
  const timeoutTraces = tracesLink("Traces of timeouts", callSpans("link", outOfTime));
  const retryLogs = logsLink("Logs of retries", callLogs("link", aboutRetries));
  const storm = runbookPanelLink(settings, "FlameRetryStorm");
  const exhausted = runbookPanelLink(settings, "FlameRetriesExhausted");
  const deadline = runbookPanelLink(settings, "FlameDeadlineExceeded");
  const toMethod = dashboardLink(settings, {
    title: "Method: ${__field.labels.rpc_method}",
    to: "method",
    from: choices,
    choose: { method: "${__field.labels.rpc_method}" },
  });

  return makeDashboard(settings, "retries", choices, [
    {
      lines: [
        line(
          4,
          stat({
            title: "Refused by retry budget",
            description:
              "Share of calls that were not retried because the pool's retry budget was used up: most retries fail, and more would not help. Red: FlameRetriesExhausted.",
            queries: [promql(share(rate(refusedForBudget), rate(firstAttemptsOfPool)), "refused")],
            unit: "percentunit",
            levels: alertFrom(thresholds.retriesRefusedShare),
            links: [exhausted],
          }),
          stat({
            title: "Attempts per call",
            description: "Attempts per call that reached a runner; 1 means no retries. Red: FlameRetryStorm.",
            queries: [promql(per(rate(attempts), rate(firstAttempts)), "attempts")],
            unit: "short",
            decimals: 2,
            levels: alertFrom(thresholds.amplification),
            nothing: "No calls",
            links: [storm],
          }),
          stat({
            title: "Calls with retries",
            description: "Share of calls that took more than one attempt.",
            queries: [promql(share(rate(retried), rate(calls)), "retried")],
            unit: "percentunit",
            levels: lookFrom(0.05, colors.retry),
          }),
          stat({
            title: "Failed attempts",
            description: "Share of attempts that did not end with OK. If fewer calls fail than attempts, retries help.",
            queries: [promql(share(rate(failedAttempts), rate(attempts)), "failed")],
            unit: "percentunit",
            levels: lookFrom(0.05),
          }),
          stat({
            title: "Timed out",
            description: "Share of calls that exceeded their deadline. Red: FlameDeadlineExceeded.",
            queries: [promql(share(rate(timedOut), rate(calls)), "timed out")],
            unit: "percentunit",
            levels: alertFrom(thresholds.deadlineShare),
            links: [deadline],
          }),
        ),
      ],
    },
    {
      title: "Retries",
      lines: [
        line(
          8,
          lines({
            title: "Amplification",
            description:
              "Attempts per call that reached a runner, by method; 1 means no retries. The line is FlameRetryStorm: beyond it, retries add considerable load.",
            queries: [promql(per(rate(attempts), rate(firstAttempts), byMethod), `{{${byMethod}}}`)],
            unit: "short",
            decimals: 2,
            levels: alertFrom(thresholds.amplification),
            links: [retryTraces, retryLogs, storm],
            valueLinks: [toMethod],
          }),
          stack({
            title: "Attempts by kind and outcome",
            description:
              "Attempts per second by kind (first, retry, hedge) and status. The attempt that loses against a hedge is CANCELLED.",
            queries: [
              promql(sum(rate(attempts), "attempt_kind", "rpc_status_code"), "{{attempt_kind}} {{rpc_status_code}}"),
            ],
            unit: "ops",
            colors: {
              "first OK": colors.ok,
              "retry OK": colors.retry,
              "hedge OK": "light-orange",
              "hedge CANCELLED": colors.quiet,
              "first CANCELLED": colors.quiet,
            },
            links: [retryTraces],
          }),
        ),
        line(
          8,
          lines({
            title: "Retries per call",
            description: "Retries and hedges per call, by method. 0.1 means one additional attempt per ten calls.",
            queries: [promql(share(rate(select("callRetries", {}, "sum")), rate(calls), byMethod), `{{${byMethod}}}`)],
            unit: "short",
            decimals: 2,
            links: [retryTraces],
            valueLinks: [toMethod],
          }),
          barGauge({
            title: "Retries of retried calls",
            description: "Number of retried calls in the selected time range, by their number of retries.",
            queries: [bucketsNow(sum(increase(select("callRetries", {}, "bucket"), "$__range"), "le"))],
            unit: "short",
            decimals: 0,
            nothing: "No retried calls",
            links: [retryTraces],
          }),
          bars({
            title: "Refused retries",
            description:
              "Retries that were not made although the options of the call allow them. Each bar covers at least five minutes. budget: too many attempts of the pool fail. deadline: not enough time was left. max_attempts: all attempts were made. condition: retry.on did not match.",
            queries: [promql(sum(increase(refused), "reason"), "{{reason}}")],
            unit: "short",
            colors: refusalColors,
            links: [retryLogs, exhausted],
          }),
        ),
        line(
          8,
          lines({
            title: "Backoff per call",
            description: "Mean time that a call waits between attempts, by method.",
            queries: [promql(share(rate(backoff), rate(calls), byMethod), `{{${byMethod}}}`)],
            unit: "s",
            valueLinks: [toMethod],
          }),
          lines({
            title: "Duration of attempts, p95",
            description: "95% of attempts were at least this fast, by kind. The dots link to traces.",
            queries: [
              withExemplars(
                quantile(0.95, select("attemptDuration", {}, "bucket"), "attempt_kind"),
                "{{attempt_kind}}",
              ),
            ],
            unit: "s",
            colors: attemptKindColors,
            levels: neutral,
            links: [retryTraces],
          }),
        ),
      ],
    },
    {
      title: "Timeouts",
      lines: [
        line(
          8,
          lines({
            title: "Timed out by method",
            description:
              "Share of each method's calls that exceeded their deadline. The line is FlameDeadlineExceeded.",
            queries: [promql(share(rate(timedOut), rate(calls), byMethod), `{{${byMethod}}}`)],
            unit: "percentunit",
            levels: alertFrom(thresholds.deadlineShare),
            links: [timeoutTraces, deadline],
            valueLinks: [toMethod],
          }),
          traceList({
            title: "Calls that timed out",
            description:
              "The attribute flame.error.phase of the call's span shows what the call was doing: acquire is the pool, handler is your code. The id links to the trace and its logs.",
            queries: [traceql(callSpans("panel", outOfTime))],
            nothing: "No timeouts",
          }),
        ),
      ],
    },
    {
      title: "Traces and logs of retries",
      lines: [
        line(
          9,
          traceList({
            title: "Retry trees",
            description:
              "Calls with two or more attempts. In the trace, the attribute flame.retry.reason of each flame.attempt shows why it was made. The id links to the trace and its logs.",
            queries: [traceql(callSpans("panel", severalAttempts))],
            nothing: "No calls with retries",
          }),
          logList({
            title: "Logs of retries",
            description:
              "Which calls are retried and which are not, with the reason. Only records that arrived over OTLP.",
            queries: [logql(callLogs("panel", aboutRetries))],
          }),
        ),
      ],
    },
  ]);
};
