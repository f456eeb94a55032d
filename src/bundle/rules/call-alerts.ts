/**
 * Alerts on calls that are retried too often, are not retried, or exceed their deadline. Each looks at a long and a short
 * window, and waits for longer than the short one: a fault that is over does not fire, and one that fired ends soon.
 */
import { series } from "../series.ts";
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { formatPercent } from "../../contract/format-numbers.ts";
import { counters } from "./recording.ts";

/**
 * Divides attempts by first attempts, which count the calls that reached a runner. Calls that never did would hide how
 * often the others are retried.
 */
const retryStorm = ({ thresholds }: BundleSettings): AlertSpec => {
  const ofPool = (counter: string, window: string): string =>
    `sum by (job, flame_pool_name) (increase(${counter}[${window}]))`;
  const [attempts, first] = [ofPool(counters.attempts, "5m"), ofPool(counters.firstAttempts, "5m")];
  const [attemptsNow, firstNow] = [ofPool(counters.attempts, "3m"), ofPool(counters.firstAttempts, "3m")];
  return {
    name: "FlameRetryStorm",
    severity: "ticket",
    area: "calls",
    value: `${attempts}\n/\n(${first} > 0)`,
    comparison: { operator: ">", threshold: thresholds.amplification },
    conditions: [
      `on (job, flame_pool_name) ${attempts} - ${first} >= ${thresholds.minEvents}`,
      `on (job, flame_pool_name) ${attemptsNow} / (${firstNow} > 0) > ${thresholds.amplification}`,
    ],
    for: "10m",
    keepFiringFor: "5m",
    summary: `Pool {{ $labels.flame_pool_name }} of {{ $labels.job }}: {{ $value | printf "%.2f" }} attempts per call`,
    description:
      `For 10 minutes, calls took more than ${thresholds.amplification} attempts each, including retries and hedges. ` +
      "Retries hide failures from callers and add load to runners that are already failing. Find out why the attempts fail.",
    dashboard: "retries",
    variables: ["job", "pool"],
  };
};

const retriesExhausted = ({ selector, thresholds }: BundleSettings): AlertSpec => {
  const refused = (window: string): string =>
    `sum by (job, flame_pool_name) (increase(${series("retriesRefused", { reason: "budget" }, undefined, selector)}[${window}]))`;
  const calls = (window: string): string =>
    `(sum by (job, flame_pool_name) (increase(${counters.firstAttempts}[${window}])) > 0)`;
  return {
    name: "FlameRetriesExhausted",
    severity: "ticket",
    area: "calls",
    value: `${refused("5m")}\n/\n${calls("5m")}`,
    comparison: { operator: ">", threshold: thresholds.retriesRefusedShare },
    conditions: [
      `on (job, flame_pool_name) ${refused("5m")} >= ${thresholds.minEvents}`,
      `on (job, flame_pool_name) ${refused("3m")} / ${calls("3m")} > ${thresholds.retriesRefusedShare}`,
    ],
    for: "10m",
    keepFiringFor: "5m",
    summary:
      "Pool {{ $labels.flame_pool_name }} of {{ $labels.job }}: {{ $value | humanizePercentage }} of calls are not retried, because the retry budget is used up",
    description:
      `For 10 minutes, more than ${formatPercent(thresholds.retriesRefusedShare)} of the calls failed that their options allow to retry: most retries of the pool fail too, so it limits them. ` +
      "Retries come back by themselves once attempts succeed. Find out why the attempts fail.",
    dashboard: "retries",
    variables: ["job", "pool"],
  };
};

const deadlineExceeded = ({ thresholds }: BundleSettings): AlertSpec => {
  const ofMethod = (counter: string, window: string): string =>
    `sum by (job, flame_pool_name, rpc_method) (increase(${counter}[${window}]))`;
  const [timedOut, all] = [ofMethod(counters.methodTimeouts, "15m"), ofMethod(counters.methodCalls, "15m")];
  const [timedOutNow, allNow] = [ofMethod(counters.methodTimeouts, "3m"), ofMethod(counters.methodCalls, "3m")];
  return {
    name: "FlameDeadlineExceeded",
    severity: "ticket",
    area: "calls",
    value: `${timedOut}\n/\n(${all} > 0)`,
    comparison: { operator: ">", threshold: thresholds.deadlineShare },
    conditions: [
      `on (job, flame_pool_name, rpc_method) ${timedOut} >= ${thresholds.minEvents}`,
      `on (job, flame_pool_name, rpc_method) ${timedOutNow} / (${allNow} > 0) > ${thresholds.deadlineShare}`,
    ],
    for: "10m",
    keepFiringFor: "5m",
    summary: `{{ $labels.rpc_method }} of {{ $labels.job }}: {{ $value | humanizePercentage }} of calls exceed their deadline`,
    description:
      `Over 15 minutes, more than ${formatPercent(thresholds.deadlineShare)} of the method's calls exceeded their deadline. ` +
      "The dashboard shows which phase takes the time: waiting for a slot, the network, or the handler.",
    dashboard: "method",
    variables: ["job", "method"],
  };
};

export const callAlerts = (settings: BundleSettings): ReadonlyArray<AlertSpec> => [
  retryStorm(settings),
  retriesExhausted(settings),
  deadlineExceeded(settings),
];
