/** Alerts on calls that are tried again too often, or end at their deadline. */
import type { BundleSettings } from "../settings.ts";
import type { AlertSpec } from "./alert-rule.ts";
import { percent } from "./numbers.ts";
import { counters } from "./recording.ts";

/**
 * Attempts are set against first attempts, which are the calls that reached a runner: those that never did would hide
 * how often the others are repeated.
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
      `For 5 minutes, calls took more than ${thresholds.amplification} attempts each, retries and hedges counted. ` +
      "Retries hide what fails from callers and add load to runners that are in trouble already. Find out what the attempts fail with.",
    dashboard: "retries",
    variables: ["job", "pool"],
  };
};

const deadlineExceeded = ({ thresholds }: BundleSettings): AlertSpec => {
  const late = `sum by (job, rpc_method) (increase(${counters.methodTimeouts}[15m]))`;
  const all = `sum by (job, rpc_method) (increase(${counters.methodCalls}[15m]))`;
  return {
    name: "FlameDeadlineExceeded",
    severity: "ticket",
    area: "calls",
    value: `${late}\n/\n(${all} > 0)`,
    comparison: { operator: ">", threshold: thresholds.deadlineShare },
    conditions: [`on (job, rpc_method) ${late} >= ${thresholds.minEvents}`],
    for: "5m",
    keepFiringFor: "15m",
    summary: `{{ $labels.rpc_method }} of {{ $labels.job }}: {{ $value | humanizePercentage }} of calls end at their deadline`,
    description:
      `Over 15 minutes, more than ${percent(thresholds.deadlineShare)} of the method's calls took longer than they may. ` +
      "The dashboard says in which phase the time goes: waiting for a slot, on the network, or in the handler.",
    dashboard: "method",
    variables: ["job", "method"],
  };
};

export const callAlerts = (settings: BundleSettings): ReadonlyArray<AlertSpec> => [
  retryStorm(settings),
  deadlineExceeded(settings),
];
