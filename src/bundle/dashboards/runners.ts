/** Runners dashboard: boots and exits, clocks and signatures. */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { externalSelector } from "../external-series.ts";
import type { BundleSettings } from "../settings.ts";
import { bootResultColors, terminationColors } from "./colors.ts";
import { makeDashboard } from "./dashboard.ts";
import { increase, makeSelect, max, quantile, quantileWithin, rate, share, sum, total } from "./expressions.ts";
import { bars, lines, stat } from "./graphs.ts";
import { line } from "./layout.ts";
import { dashboardLink, logsLink, runbookPanelLink, tracesLink } from "./links.ts";
import { logList, traceList } from "./lists.ts";
import { logql, promql, promqlNow, traceql } from "./queries.ts";
import { namedSpans, runnerLogs, spanAttribute } from "./search.ts";
import { alertFrom, lookFrom, neutral } from "./thresholds.ts";
import type { Choice } from "./variables.ts";

const choices: ReadonlyArray<Choice> = ["job", "instance", "pool"];
const pool = "flame_pool_name";
const chosen = { job: "$job", instance: "$instance" } as const;

export const runners = (settings: BundleSettings): Dashboard => {
  const { thresholds } = settings;
  const select = makeSelect(settings, choices);
  const boots = select("bootDuration", {}, "count");
  const failedBoots = select("bootDuration", { result: ["=~", "error|timeout"] }, "count");
  const triedBoots = select("bootDuration", { result: ["!=", "canceled"] }, "count");
  const bootTime = select("bootDuration", { result: "ok" }, "bucket");
  const acquired = select("acquireDuration", { result: "acquired" }, "count");
  const cold = select("acquireDuration", { result: "acquired", source: "cold" }, "count");
  const ends = select("terminations");
  const crashes = select("terminations", { reason: "crash" });
  const rejections = increase(select("signatureRejections", { reason: ["!=", "instance"] }), "5m");
  const refusedAttempts = increase(select("attemptDuration", { rpc_status_code: "UNAUTHENTICATED" }, "count"), "5m");
  const offset = select("clockOffset", {}, "bucket");

  const bootTraces = tracesLink("Traces of boots", namedSpans("boot", "link"));
  const failedBootTraces = tracesLink(
    "Traces of failed boots",
    namedSpans("boot", "link", "status = error", `${spanAttribute("errorCode")} != "canceled"`),
  );
  const logs = logsLink("Logs of runners", runnerLogs("link"));
  const toPools = dashboardLink(settings, { title: "Pools", to: "pools", from: choices });
  const runbook = {
    slow: runbookPanelLink(settings, "FlameBootSlow"),
    failing: runbookPanelLink(settings, "FlameBootFailing"),
    crashes: runbookPanelLink(settings, "FlameRunnerCrashLoop"),
    signatures: runbookPanelLink(settings, "FlameSignatureRejections"),
    clocks: runbookPanelLink(settings, "FlameClockSkew"),
  };

  return makeDashboard(settings, "runners", choices, [
    {
      lines: [
        line(
          4,
          stat({
            title: "Runners",
            description: "Runners of the selected pools, in any state.",
            queries: [promql(total(select("runners")), "runners")],
            unit: "short",
            levels: neutral,
            valueLinks: [toPools],
          }),
          stat({
            title: "Boot, p95",
            description:
              "95% of the runners started in the selected time range were ready within this time. Red: FlameBootSlow.",
            queries: [promqlNow(quantileWithin("$__range", 0.95, bootTime), "p95")],
            unit: "s",
            levels: alertFrom(thresholds.bootSeconds),
            nothing: "No boots",
            links: [runbook.slow],
          }),
          stat({
            title: "Failed boots",
            description: "Share of boots in the selected time range that failed or timed out. Red: FlameBootFailing.",
            queries: [promqlNow(share(increase(failedBoots, "$__range"), increase(boots, "$__range")), "failed")],
            unit: "percentunit",
            levels: alertFrom(thresholds.bootFailureShare),
            links: [runbook.failing],
          }),
          stat({
            title: "Crashes",
            description: "Runners that exited unexpectedly within ten minutes. Red: FlameRunnerCrashLoop.",
            queries: [promql(total(increase(crashes, "10m")), "crashes")],
            unit: "short",
            decimals: 0,
            levels: alertFrom(thresholds.crashes, 1),
            links: [runbook.crashes],
          }),
          stat({
            title: "Signature failures",
            description:
              "Requests and responses that failed their signature check within five minutes. Red: FlameSignatureRejections.",
            queries: [
              promql(`(${total(rejections)}) > (${total(refusedAttempts)}) or (${total(refusedAttempts)})`, "refused"),
            ],
            unit: "short",
            decimals: 0,
            levels: alertFrom(thresholds.signatureRejections, 1),
            links: [runbook.signatures],
          }),
          stat({
            title: "Clock difference, p95",
            description: "Difference between the clocks of parent and runner. Red: FlameClockSkew.",
            queries: [promql(quantile(0.95, offset), "p95")],
            unit: "s",
            levels: alertFrom(thresholds.clockOffsetSeconds),
            nothing: "No calls",
            links: [runbook.clocks],
          }),
        ),
      ],
    },
    {
      title: "Boots",
      lines: [
        line(
          8,
          bars({
            title: "Boots by result",
            description:
              "Started runners by result. Each bar covers at least five minutes. error: the backend or the program failed. timeout: the runner was not ready within the pool's boot timeout. canceled: the runner was no longer needed, which is not a failure.",
            queries: [promql(sum(increase(boots), "result"), "{{result}}")],
            unit: "short",
            colors: bootResultColors,
            links: [bootTraces, logs, runbook.failing],
          }),
          lines({
            title: "Boot time, p95",
            description:
              "Boot time of the runners started in the last ten minutes, by pool and backend. The line is FlameBootSlow.",
            queries: [promql(quantileWithin("10m", 0.95, bootTime, pool, "backend"), `{{${pool}}} {{backend}}`)],
            unit: "s",
            levels: alertFrom(thresholds.bootSeconds),
            links: [bootTraces, runbook.slow],
          }),
          lines({
            title: "Failed boots by pool",
            description:
              "Share of boots in the last ten minutes that failed or timed out. The line is FlameBootFailing.",
            queries: [promql(share(increase(failedBoots, "10m"), increase(triedBoots, "10m"), pool), `{{${pool}}}`)],
            unit: "percentunit",
            levels: alertFrom(thresholds.bootFailureShare),
            links: [failedBootTraces, logs, runbook.failing],
          }),
        ),
        line(
          8,
          lines({
            title: "Cold share",
            description:
              "Share of calls that waited for a boot to get their slot. Keep runners ready with min or warm.",
            queries: [promql(share(rate(cold), rate(acquired), pool), `{{${pool}}}`)],
            unit: "percentunit",
            links: [bootTraces],
          }),
          traceList({
            title: "Boot traces",
            description:
              "The attributes flame.boot.phase_ms.* of the span show whether the time goes into starting the process or into loading the program. The id links to the trace and its logs.",
            queries: [traceql(namedSpans("boot", "panel"))],
            nothing: "No runners started",
          }),
        ),
      ],
    },
    {
      title: "Ends",
      lines: [
        line(
          8,
          bars({
            title: "Terminated runners by reason",
            description:
              "Each bar covers at least five minutes. idle, drain and recycled are normal. crash: exited unexpectedly. unhealthy: did not respond. boot_timeout: was not ready in time. canceled: was no longer needed while it booted.",
            queries: [promql(sum(increase(ends), "reason"), "{{reason}}")],
            unit: "short",
            colors: terminationColors,
            links: [logs, runbook.crashes],
          }),
          lines({
            title: "Crashes within ten minutes, by pool",
            description: "Runners that exited unexpectedly. The line is FlameRunnerCrashLoop.",
            queries: [promql(sum(increase(crashes, "10m"), pool), `{{${pool}}}`)],
            unit: "short",
            levels: alertFrom(thresholds.crashes),
            links: [logs, runbook.crashes],
          }),
        ),
        line(
          9,
          logList({
            title: "Logs of runners",
            description:
              "Boots, drains, terminations and crashes, with their reasons. Only records that arrived over OTLP.",
            queries: [logql(runnerLogs("panel"))],
          }),
        ),
      ],
    },
    {
      title: "Signatures, clocks, event loops",
      lines: [
        line(
          8,
          lines({
            title: "Signature failures within five minutes",
            description:
              "By reason, as counted by parents and scraped runners. expired: clocks differ, or a message was delayed. mismatch and unknown_key: a different secret. replay and malformed: a proxy or an attack. The line is FlameSignatureRejections.",
            queries: [
              promql(sum(rejections, "reason"), "{{reason}}"),
              promql(total(refusedAttempts), "rejected attempts"),
            ],
            unit: "short",
            levels: alertFrom(thresholds.signatureRejections),
            links: [runbook.signatures],
          }),
          lines({
            title: "Clock difference by pool, p95",
            description:
              "Difference between the clocks of parent and runner, measured with each call. The line is FlameClockSkew.",
            queries: [promql(quantile(0.95, offset, pool), `{{${pool}}}`)],
            unit: "s",
            levels: alertFrom(thresholds.clockOffsetSeconds),
            links: [runbook.clocks],
          }),
          lines({
            title: "Event loop delay of parents",
            description:
              "A busy parent looks like a slow network. Empty unless the program collects the default metrics of prom-client (collectDefaultMetrics) on Node.",
            queries: [
              promql(max(externalSelector("eventLoopP99", chosen), "instance"), "p99 {{instance}}"),
              promql(max(externalSelector("eventLoopMean", chosen), "instance"), "mean {{instance}}"),
            ],
            unit: "s",
            levels: lookFrom(0.1),
            nothing: "The program does not collect default metrics",
          }),
        ),
      ],
    },
  ]);
};
