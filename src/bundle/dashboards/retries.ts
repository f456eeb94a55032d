/** Retries and time-outs: how much work is done again, why not, and what ends at its deadline. */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import type { BundleSettings } from "../settings.ts";
import { attemptKindColors, colors, refusalColors } from "./colors.ts";
import { makeDashboard } from "./dashboard.ts";
import { increase, makeSelect, per, quantile, rate, share, sum, total } from "./expressions.ts";
import { barGauge, bars, lines, stack, stat } from "./graphs.ts";
import { line } from "./layout.ts";
import { dashboardLink, logsLink, runbookPanelLink, tracesLink } from "./links.ts";
import { logList, traceList } from "./lists.ts";
import { bucketsNow, logql, promql, promqlNow, traceql, withExemplars } from "./queries.ts";
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
  const backoff = select("phaseDuration", { phase: "backoff" }, "sum");

  const severalAttempts = `${spanAttribute("attemptCount")} >= 2`;
  const outOfTime = `${spanAttribute("status")} = "DEADLINE_EXCEEDED"`;
  const aboutRetries = `${logLabel("retryReason")}!="" or ${logLabel("retryRefused")}!=""`;
  const retryTraces = tracesLink("Traces with retries", callSpans("link", severalAttempts));
  const timeoutTraces = tracesLink("Traces of time-outs", callSpans("link", outOfTime));
  const retryLogs = logsLink("Logs of retries", callLogs("link", aboutRetries));
  const storm = runbookPanelLink(settings, "FlameRetryStorm");
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
            title: "Attempts per call",
            description: "Attempts per call that reached a runner; 1 is no retries. Red: FlameRetryStorm.",
            queries: [promql(per(rate(attempts), rate(firstAttempts)), "attempts")],
            unit: "short",
            decimals: 2,
            levels: alertFrom(thresholds.amplification),
            nothing: "no calls",
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
            description:
              "Share of attempts that did not end with OK. Where calls fail less than attempts, retries help.",
            queries: [promql(share(rate(failedAttempts), rate(attempts)), "failed")],
            unit: "percentunit",
            levels: lookFrom(0.05),
          }),
          stat({
            title: "Refused for the budget",
            description:
              "Retries of the chosen time that were not made because the pool's retry budget is used up: too many attempts fail there, and more would not help.",
            queries: [
              promqlNow(total(increase(select("retriesRefused", { reason: "budget" }), "$__range")), "refused"),
            ],
            unit: "short",
            decimals: 0,
            levels: lookFrom(1),
            links: [storm],
          }),
          stat({
            title: "Timed out",
            description: "Share of calls that ended at their deadline. Red: FlameDeadlineExceeded.",
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
              "Attempts per call that reached a runner, by method; 1 is no retries. Beyond the line, at which FlameRetryStorm fires for a pool, retries are a load of their own.",
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
              "Attempts per second: first ones, retries and hedges, each with how it ended. A hedge that lost is CANCELLED.",
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
            description: "Retries and hedges of the mean call, by method. 0.1: one more attempt for ten calls.",
            queries: [promql(share(rate(select("callRetries", {}, "sum")), rate(calls), byMethod), `{{${byMethod}}}`)],
            unit: "short",
            decimals: 2,
            links: [retryTraces],
            valueLinks: [toMethod],
          }),
          barGauge({
            title: "Retries of retried calls",
            description:
              "Of the calls that were tried again in the chosen time, how many took at most so many retries.",
            queries: [bucketsNow(sum(increase(select("callRetries", {}, "bucket"), "$__range"), "le"))],
            unit: "short",
            decimals: 0,
            nothing: "No call was tried again",
            links: [retryTraces],
          }),
          bars({
            title: "Refused retries",
            description:
              "Retries that a call's options allow and that were not made. budget: too many attempts of the pool fail. deadline: no time was left. max_attempts: all were made. condition: retry.on did not match.",
            queries: [promql(sum(increase(refused), "reason"), "{{reason}}")],
            unit: "short",
            colors: refusalColors,
            links: [retryLogs, storm],
          }),
        ),
        line(
          8,
          lines({
            title: "Backoff per call",
            description: "What the mean call spends waiting between its attempts, by method.",
            queries: [promql(share(rate(backoff), rate(calls), byMethod), `{{${byMethod}}}`)],
            unit: "s",
            valueLinks: [toMethod],
          }),
          lines({
            title: "Duration of attempts, p95",
            description: "95 of 100 attempts took no longer, by kind. The dots lead to traces.",
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
      title: "Time-outs",
      lines: [
        line(
          8,
          lines({
            title: "Timed out by method",
            description:
              "Share of each method's calls that ended at their deadline. The line is FlameDeadlineExceeded.",
            queries: [promql(share(rate(timedOut), rate(calls), byMethod), `{{${byMethod}}}`)],
            unit: "percentunit",
            levels: alertFrom(thresholds.deadlineShare),
            links: [timeoutTraces, deadline],
            valueLinks: [toMethod],
          }),
          traceList({
            title: "Calls that timed out",
            description:
              "flame.error.phase on the call's span says what it was doing: acquire is the pool, handler is your code. The id leads to the trace and to its logs.",
            queries: [traceql(callSpans("panel", outOfTime))],
            nothing: "No call timed out",
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
              "Calls of two attempts or more. In the trace, each flame.attempt says why it was made (flame.retry.reason). The id leads to the trace and to its logs.",
            queries: [traceql(callSpans("panel", severalAttempts))],
            nothing: "No call took two attempts",
          }),
          logList({
            title: "Logs of retries",
            description:
              "Which calls are tried again, and which are not, with the reason. For records that came over OTLP.",
            queries: [logql(callLogs("panel", aboutRetries))],
          }),
        ),
      ],
    },
  ]);
};
