/** Prints the chart, and whether the ledger matches the metrics. */
import { metrics } from "firelight/catalog";
import { type Finding, many, printFindings } from "../shared/findings.ts";
import { quantile, type Scrape } from "../shared/prometheus-text.ts";
import { duration, heading } from "../shared/terminal.ts";
import { printChart } from "./chart.ts";
import type { Decisions } from "./decisions.ts";
import type { Ledger, Outcome } from "./ledger.ts";
import type { Timeline } from "./timeline.ts";

export interface Run {
  readonly timeline: Timeline;
  readonly decisions: Decisions;
  readonly ledger: Ledger;
  readonly victims: ReadonlyArray<string>;
  readonly killsWanted: number;
  /** Processes of runners that were left when the pool was idle. */
  readonly left: number;
  readonly scrape: Scrape;
}

/** How calls may end here: served, refused, lost with their runner, or at their deadline. */
const expected: ReadonlySet<Outcome> = new Set<Outcome>(["ok", "overloaded", "transport_error", "timeout"]);

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;

const findings = (run: Run): ReadonlyArray<Finding> => {
  const { timeline, decisions, ledger, victims, killsWanted, left, scrape } = run;
  const { samples } = timeline;
  const { maxQueue, max } = samples[0]!.stats.bounds;
  const deepest = Math.max(...samples.map(({ stats }) => stats.pending));
  const largest = Math.max(...samples.map(({ stats }) => Object.values(stats.runners).reduce((sum, n) => sum + n, 0)));
  const count = (name: string, labels = {}): number => scrape.sum(name, { flame_pool_name: "jobs", ...labels });
  const { acquireDuration, active, bootDuration, callRetries, terminations } = metrics;
  const started =
    count(`${bootDuration.name}_count`, { result: "ok" }) + count(terminations.name, { reason: "canceled" });
  const ended = scrape
    .values(terminations.name, "reason")
    .map((reason) => [reason, count(terminations.name, { reason })] as const)
    .filter(([, runners]) => runners > 0);
  const crashed = count(terminations.name, { reason: "crash" });
  const differences = ledger.differences(scrape);
  const odd = ledger.failures.filter(({ code }) => !expected.has(code));
  const lost = ledger.count("transport_error");
  const retried = count(`${callRetries.name}_count`);
  const refusals = ledger.failures.filter(({ code }) => code === "overloaded").map(({ elapsedMs }) => elapsedMs ?? 0);
  const p95 = quantile(0.95, scrape.histogram(acquireDuration.name, { result: "acquired" })) ?? 0;
  return [
    [
      decisions.grown > 0 && largest === max,
      "grew",
      `to ${largest} of ${many(max, "runner")}, in ${many(decisions.grown, "decision")}; saturated ${many(decisions.saturated, "time")}`,
    ],
    [
      ledger.count("ok") > 0,
      "served",
      `${many(ledger.count("ok"), "call")}; 95% of those with a slot got it within ${duration(p95)}`,
    ],
    [
      refusals.length > 0 && deepest <= maxQueue,
      "shed",
      `${many(refusals.length, "call")} as overloaded, half of them within ${(Math.ceil(median(refusals) * 10) / 10).toFixed(1)} ms; never more than ${deepest} waited`,
    ],
    [
      victims.length === killsWanted && crashed === killsWanted,
      "killed",
      `${many(victims.length, "runner")}; ${many(retried, "call")} were retried on another one, ${lost} that must not run twice failed`,
    ],
    [
      left === 0 && started === count(terminations.name),
      "runners",
      `${started} started = ${ended.map(([reason, runners]) => `${runners} ${reason}`).join(" + ")}; ${left} left`,
    ],
    ...odd.map((error): Finding => [false, "unexpected", `${error.method}: ${error.code}: ${error.message}`]),
    [
      ledger.ended === ledger.made,
      "calls",
      `${ledger.made} made = ${ledger.outcomes.map(([outcome, times]) => `${times} ${outcome}`).join(" + ")}`,
    ],
    [
      differences.length === 0 && count(active.name) === 0,
      "metrics",
      differences.length === 0 ? "count the same, status by status, and none in flight" : differences.join("; "),
    ],
  ];
};

/** Prints the report. Returns `false` if an expectation failed. */
export const report = (run: Run): boolean => {
  printChart(run.timeline);
  heading(`Done in ${duration(run.timeline.samples.at(-1)!.atMs / 1000)}`);
  return printFindings(findings(run));
};
