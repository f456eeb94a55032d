/** Alerts on calls that are retried too often or exceed their deadline. */
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { formatPercent } from "../../contract/format-numbers.ts";
import { counters } from "./recording.ts";

/**
 * Divides attempts by first attempts, which count the calls that reached a runner. Calls that never did would hide how
 * often the others are retried.
 */
const retryStorm = ({ thresholds }: BundleSettings): AlertSpec => {
  const attempts = `sum by (job, flame_pool_name) (increase(${counters.attempts}[5m]))`;
  const first = `sum by (job, flame_pool_name) (increase(${counters.firstAttempts}[5m]))`;
  return {
    name: "FlameRetryStorm",
    severity: "ticket",
    area: "calls",
    value: `${attempts}\n/\n(${first} > 0)`,
    comparison: { operator: ">", threshold: thresholds.amplification },
    conditions: [`on (job, flame_pool_name) ${attempts} - ${first} >= ${thresholds.minEvents}`],
    for: "5m",
    keepFiringFor: "10m",
    summary: `Pool {{ $labels.flame_pool_name }} of {{ $labels.job }}: {{ $value | printf "%.2f" }} attempts per call`,
    description:
      `For 5 minutes, calls took more than ${thresholds.amplification} attempts each, including retries and hedges. ` +
      "Retries hide failures from callers and add load to runners that are already failing. Find out why the attempts fail.",
    dashboard: "retries",
    variables: ["job", "pool"],
  };
};

const deadlineExceeded = ({ thresholds }: BundleSettings): AlertSpec => {
  const timedOut = `sum by (job, rpc_method) (increase(${counters.methodTimeouts}[15m]))`;
  const all = `sum by (job, rpc_method) (increase(${counters.methodCalls}[15m]))`;
  return {
    name: "FlameDeadlineExceeded",
    severity: "ticket",
    area: "calls",
    value: `${timedOut}\n/\n(${all} > 0)`,
    comparison: { operator: ">", threshold: thresholds.deadlineShare },
    conditions: [`on (job, rpc_method) ${timedOut} >= ${thresholds.minEvents}`],
    for: "5m",
    keepFiringFor: "15m",
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
  deadlineExceeded(settings),
];
