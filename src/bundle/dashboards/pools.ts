/**
 * Pools dashboard: utilization, saturation and errors of slots. Are there enough, and how long do calls wait for one?
 */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import type { BundleSettings } from "../settings.ts";
import { acquireResultColors, colors, quantileColors, runnerStateColors } from "./colors.ts";
import { makeDashboard } from "./dashboard.ts";
import { increase, makeSelect, max, min, quantile, rate, share, sum, total } from "./expressions.ts";
import { heatmap, lines, stack, stat } from "./graphs.ts";
import { line } from "./layout.ts";
import { dashboardLink, logsLink, runbookPanelLink, tracesLink } from "./links.ts";
import { buckets, promql, withExemplars } from "./queries.ts";
import { namedSpans, runnerLogs } from "./search.ts";
import { alertBelow, alertFrom, lookFrom, neutral } from "./thresholds.ts";
import type { Choice } from "./variables.ts";

const choices: ReadonlyArray<Choice> = ["job", "instance", "pool"];
const pool = "flame_pool_name";
const day = 86_400;

export const pools = (settings: BundleSettings): Dashboard => {
  const { thresholds } = settings;
  const select = makeSelect(settings, choices);
  const used = select("slotsUsed");
  const limit = select("slotsLimit");
  const saturation = `${used} / (${limit} > 0)`;
  const acquires = select("acquireDuration", {}, "count");
  const noSlot = select("acquireDuration", { result: ["=~", "timeout|rejected"] }, "count");
  const waits = select("acquireDuration", {}, "bucket");
  const rising = `clamp_min(${limit} - ${used}, 0) / (deriv(${used}[30m]) > 0)`;
  const aboveForecastShare = `avg_over_time(${used}[10m]) >= ${thresholds.forecastShare} * ${limit}`;
  const timeToLimit = `clamp_max(${rising}, ${day}) and ${aboveForecastShare} or 0 * (${limit} <= ${used}) or 0 * ${limit} + ${day}`;

  const saturationLevels = alertFrom(thresholds.saturationFull, thresholds.saturationHigh);
  const acquireTraces = tracesLink("Traces of waiting", namedSpans("acquire", "link"));
  const logs = logsLink("Logs of runners", runnerLogs("link"));
  const toRunners = dashboardLink(settings, { title: "Runners", to: "runners", from: choices });
  const runbook = {
    full: runbookPanelLink(settings, "FlamePoolSaturated"),
    high: runbookPanelLink(settings, "FlamePoolSaturationHigh"),
    forecast: runbookPanelLink(settings, "FlamePoolSaturationForecast"),
    slow: runbookPanelLink(settings, "FlameAcquireSlow"),
    timeouts: runbookPanelLink(settings, "FlameAcquireTimeouts"),
  };

  return makeDashboard(settings, "pools", choices, [
    {
      lines: [
        line(
          4,
          stat({
            title: "Fullest pool",
            description:
              "Share of the slot limit in use, in the fullest pool of any parent. Yellow: FlamePoolSaturationHigh. Red: FlamePoolSaturated.",
            queries: [promql(`${max(saturation)} or vector(0)`, "fullest")],
            unit: "percentunit",
            levels: saturationLevels,
            links: [runbook.full],
          }),
          stat({
            title: "Calls waiting",
            description: "Calls waiting for a slot in the selected pools.",
            queries: [promql(total(select("pending")), "waiting")],
            unit: "short",
            levels: lookFrom(1),
          }),
          stat({
            title: "Waiting, p95",
            description: "95% of calls got a slot within this time. Red: FlameAcquireSlow.",
            queries: [promql(quantile(0.95, waits), "p95")],
            unit: "s",
            levels: alertFrom(thresholds.acquireSeconds),
            nothing: "No calls",
            links: [runbook.slow],
          }),
          stat({
            title: "No slot",
            description:
              "Share of calls that got no slot: their deadline passed, or they were rejected. Red: FlameAcquireTimeouts.",
            queries: [promql(share(rate(noSlot), rate(acquires)), "no slot")],
            unit: "percentunit",
            levels: alertFrom(thresholds.acquireTimeoutShare),
            links: [runbook.timeouts],
          }),
          stat({
            title: "Time to limit",
            description:
              "Time until the first pool is full if the trend of the last 30 minutes continues. One day means none is in sight. Red: FlamePoolSaturationForecast.",
            queries: [promql(`${min(timeToLimit)} or vector(${day})`, "time")],
            unit: "s",
            levels: alertBelow(thresholds.forecastSeconds),
            links: [runbook.forecast],
          }),
          stat({
            title: "Runners",
            description: "Runners of the selected pools, in any state.",
            queries: [promql(total(select("runners")), "runners")],
            unit: "short",
            levels: neutral,
            valueLinks: [toRunners],
          }),
        ),
      ],
    },
    {
      title: "Saturation and utilization",
      lines: [
        line(
          8,
          lines({
            title: "Saturation",
            description:
              "Share of the slot limit in use, per pool, for its fullest parent. At 100% the pool cannot grow further. The lines are FlamePoolSaturationHigh and FlamePoolSaturated. If calls wait while the pool is full, raise max or maxConcurrency.",
            queries: [promql(max(saturation, pool), `{{${pool}}}`)],
            unit: "percentunit",
            min: 0,
            levels: saturationLevels,
            links: [runbook.high, runbook.full],
          }),
          lines({
            title: "Utilization",
            description:
              "Share of the available slot-seconds that calls used. If it is low while calls wait for boots, keep runners ready with min or warm. High is efficient as long as no calls wait.",
            queries: [promql(share(rate(select("slotBusy")), rate(select("slotAvailable")), pool), `{{${pool}}}`)],
            unit: "percentunit",
            min: 0,
          }),
        ),
        line(
          8,
          lines({
            title: "Slots",
            description: "Slots in use, slots on running runners, and the slot limit, summed over all parents.",
            queries: [
              promql(sum(used), "used"),
              promql(sum(select("slotsProvisioned")), "provisioned"),
              promql(sum(limit), "limit"),
            ],
            unit: "short",
            colors: { used: colors.work, provisioned: colors.ok, limit: colors.error },
          }),
          lines({
            title: "Calls waiting by pool",
            description:
              "Calls waiting for a slot. Short peaks are boots. A plateau is a pool at its limit: FlamePoolSaturated.",
            queries: [promql(sum(select("pending"), pool), `{{${pool}}}`)],
            unit: "short",
            links: [acquireTraces, runbook.full],
          }),
          lines({
            title: "Time to limit by pool",
            description:
              "Time until a pool is full if the trend of the last 30 minutes continues. One day means it is not in sight. Below the line: FlamePoolSaturationForecast.",
            queries: [promql(min(timeToLimit, pool), `{{${pool}}}`)],
            unit: "s",
            levels: alertBelow(thresholds.forecastSeconds),
            links: [runbook.forecast],
          }),
        ),
      ],
    },
    {
      title: "Waiting for a slot",
      lines: [
        line(
          9,
          lines({
            title: "Time to get a slot",
            description:
              "Waiting time of all calls, including those that got no slot. The line is FlameAcquireSlow, which applies to the p95. The dots link to traces.",
            queries: [0.5, 0.95, 0.99].map((q) => withExemplars(quantile(q, waits), `p${q * 100}`)),
            unit: "s",
            colors: quantileColors,
            levels: alertFrom(thresholds.acquireSeconds),
            links: [acquireTraces, runbook.slow],
          }),
          heatmap({
            title: "Time to get a slot, distribution",
            description:
              "Distribution of waiting times. The lowest band found a free slot; the ones above waited for a busy runner or for a boot. The dots link to traces.",
            queries: [buckets(sum(increase(waits), "le"))],
            unit: "s",
            links: [acquireTraces],
          }),
        ),
        line(
          8,
          stack({
            title: "Acquires by source",
            description:
              "How calls got their slot. warm: a slot was free. queued: they waited for a busy runner. cold: they waited for a boot.",
            queries: [
              promql(sum(rate(select("acquireDuration", { result: "acquired" }, "count")), "source"), "{{source}}"),
            ],
            unit: "reqps",
            colors: { warm: colors.ok, queued: colors.waiting, cold: "light-blue" },
            links: [acquireTraces],
          }),
          stack({
            title: "Acquires by result",
            description:
              "timeout: no slot before the deadline. rejected: the queue was full, or the deadline was out of reach. canceled: the caller canceled.",
            queries: [promql(sum(rate(acquires), "result"), "{{result}}")],
            unit: "reqps",
            colors: acquireResultColors,
            links: [acquireTraces],
          }),
          lines({
            title: "No slot by pool",
            description:
              "Share of calls that got no slot: their deadline passed, or they were rejected. The line is FlameAcquireTimeouts.",
            queries: [promql(share(rate(noSlot), rate(acquires), pool), `{{${pool}}}`)],
            unit: "percentunit",
            levels: alertFrom(thresholds.acquireTimeoutShare),
            links: [acquireTraces, runbook.timeouts],
          }),
        ),
      ],
    },
    {
      title: "Runners and leases",
      lines: [
        line(
          8,
          stack({
            title: "Runners by state",
            description:
              "Runners of the selected pools. Ejected runners do not respond and get no calls until they do.",
            queries: [promql(sum(select("runners"), "state"), "{{state}}")],
            unit: "short",
            colors: runnerStateColors,
            links: [logs, toRunners],
          }),
          lines({
            title: "Slots held, p95",
            description: "How long calls hold their slot. The longer, the fewer calls a slot can handle.",
            queries: [promql(quantile(0.95, select("leaseDuration", {}, "bucket"), pool), `{{${pool}}}`)],
            unit: "s",
          }),
        ),
      ],
    },
  ]);
};
