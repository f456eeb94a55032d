/** Pools: use, saturation and errors of slots. Are there enough, and how long do calls wait for one? */
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
  const worthTelling = `avg_over_time(${used}[10m]) >= ${thresholds.forecastShare} * ${limit}`;
  const timeToLimit = `clamp_max(${rising}, ${day}) and ${worthTelling} or 0 * (${limit} <= ${used}) or 0 * ${limit} + ${day}`;

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
              "Slots in use of those that the pool may grow to, in the fullest pool of any parent. Yellow: FlamePoolSaturationHigh. Red: FlamePoolSaturated.",
            queries: [promql(`${max(saturation)} or vector(0)`, "fullest")],
            unit: "percentunit",
            levels: saturationLevels,
            links: [runbook.full],
          }),
          stat({
            title: "Calls waiting",
            description: "Calls that wait for a slot now, in all chosen pools.",
            queries: [promql(total(select("pending")), "waiting")],
            unit: "short",
            levels: lookFrom(1),
          }),
          stat({
            title: "p95 of waiting",
            description: "95 of 100 calls got a slot no later. Red: FlameAcquireSlow.",
            queries: [promql(quantile(0.95, waits), "p95")],
            unit: "s",
            levels: alertFrom(thresholds.acquireSeconds),
            nothing: "no calls",
            links: [runbook.slow],
          }),
          stat({
            title: "No slot",
            description:
              "Share of calls that got no slot: their time was over, or they were refused. Red: FlameAcquireTimeouts.",
            queries: [promql(share(rate(noSlot), rate(acquires)), "no slot")],
            unit: "percentunit",
            levels: alertFrom(thresholds.acquireTimeoutShare),
            links: [runbook.timeouts],
          }),
          stat({
            title: "Time to limit",
            description:
              "How long until the first pool is full if it goes on as in the last half hour; a day stands for “not in sight”. Red: within the time of FlamePoolSaturationForecast.",
            queries: [promql(`${min(timeToLimit)} or vector(${day})`, "time")],
            unit: "s",
            levels: alertBelow(thresholds.forecastSeconds),
            links: [runbook.forecast],
          }),
          stat({
            title: "Runners",
            description: "Runners in any state, in all chosen pools.",
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
              "Slots in use of those that the pool may grow to, of its fullest parent: at 100 % it cannot help itself any more. The lines are FlamePoolSaturationHigh and FlamePoolSaturated. Full, with calls waiting: raise max or maxConcurrency.",
            queries: [promql(max(saturation, pool), `{{${pool}}}`)],
            unit: "percentunit",
            min: 0,
            levels: saturationLevels,
            links: [runbook.high, runbook.full],
          }),
          lines({
            title: "Utilization",
            description:
              "Slot-seconds spent on calls of those that runners offered. Low, while calls wait for boots: min or warm keeps runners ready. High is efficient, as long as nobody waits.",
            queries: [promql(share(rate(select("slotBusy")), rate(select("slotAvailable")), pool), `{{${pool}}}`)],
            unit: "percentunit",
            min: 0,
          }),
        ),
        line(
          8,
          lines({
            title: "Slots",
            description:
              "Slots that calls hold, slots on runners that are up, and slots that the pools may grow to; all parents together.",
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
              "Calls that wait for a slot. Short peaks are boots; a plateau is a pool at its limit: FlamePoolSaturated.",
            queries: [promql(sum(select("pending"), pool), `{{${pool}}}`)],
            unit: "short",
            links: [acquireTraces, runbook.full],
          }),
          lines({
            title: "Time to limit by pool",
            description:
              "How long until a pool is full if it goes on as in the last half hour; a day stands for “not in sight”. Below the line: FlamePoolSaturationForecast.",
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
              "All acquires, those that got none included. The line is FlameAcquireSlow, on the p95. The dots lead to traces.",
            queries: [0.5, 0.95, 0.99].map((q) => withExemplars(quantile(q, waits), `p${q * 100}`)),
            unit: "s",
            colors: quantileColors,
            levels: alertFrom(thresholds.acquireSeconds),
            links: [acquireTraces, runbook.slow],
          }),
          heatmap({
            title: "Time to get a slot, all acquires",
            description:
              "How many calls waited how long: the lowest band found a free slot, the ones above waited for a busy runner or for a boot. The dots lead to traces.",
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
              "What calls that got a slot had found: warm, a free slot; queued, a busy runner that became free; cold, a boot.",
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
              "timeout: no slot before the deadline. rejected: too many waited already. canceled: the caller left.",
            queries: [promql(sum(rate(acquires), "result"), "{{result}}")],
            unit: "reqps",
            colors: acquireResultColors,
            links: [acquireTraces],
          }),
          lines({
            title: "No slot by pool",
            description:
              "Share of calls that got no slot: their time was over, or they were refused. The line is FlameAcquireTimeouts.",
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
            description: "Runners of all chosen pools. Ejected ones do not answer, and get no calls until they do.",
            queries: [promql(sum(select("runners"), "state"), "{{state}}")],
            unit: "short",
            colors: runnerStateColors,
            links: [logs, toRunners],
          }),
          lines({
            title: "Slots held, p95",
            description: "How long calls keep their slot. The longer, the fewer calls a slot can take.",
            queries: [promql(quantile(0.95, select("leaseDuration", {}, "bucket"), pool), `{{${pool}}}`)],
            unit: "s",
          }),
        ),
      ],
    },
  ]);
};
