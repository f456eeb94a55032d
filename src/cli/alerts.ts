/**
 * Maps what can be seen in a single call to the alert that monitors it. An alert evaluates thousands of calls, so the
 * mapped alert is the closest one, not one that is firing.
 */
import type { AlertName } from "../bundle/alert-names.ts";

export type { AlertName };

/** Returns the path of the alert's runbook section, in the repository and in the package. */
export const runbookOf = (alert: AlertName): string => `dashboards/runbook.md#${alert.toLowerCase()}`;

/** The alert for each symptom of a call or its environment. Symptoms closer to the cause come first. */
export const alertOf = {
  /** A message was rejected because of its signature. */
  signature: "FlameSignatureRejections",
  /** The clocks of parent and runner differ so much that signatures may fail. */
  clock: "FlameClockSkew",
  /** No runner could be started. */
  bootFailed: "FlameBootFailing",
  /** The deadline passed before a slot was free. */
  noSlotInTime: "FlameAcquireTimeouts",
  /** The pool rejected the call because too many calls were waiting. */
  poolFull: "FlamePoolSaturated",
  /** A runner was lost while handling the call. */
  runnerLost: "FlameRunnerCrashLoop",
  /** The retry budget of the pool is used up. */
  retryBudget: "FlameRetriesExhausted",
  /** The deadline passed while the call was running. */
  deadline: "FlameDeadlineExceeded",
  /** The call failed in another way. */
  failed: "FlameErrorBudgetBurnFast",
  /** A large part of the call was spent starting a runner. */
  coldStart: "FlameBootSlow",
  /** A large part of the call was spent waiting for a busy runner behind other calls. */
  queuedInLine: "FlamePoolSaturated",
  /** A large part of the call was spent waiting for a busy runner. */
  queued: "FlamePoolSaturationHigh",
  /** Acquiring a slot took more than a second. */
  acquireSlow: "FlameAcquireSlow",
  /** The call needed more than one attempt. */
  retried: "FlameRetryStorm",
  /** Spans of runners are missing. */
  spansLost: "FlameTelemetryLoss",
  /** Expected metrics are missing. */
  metricsAbsent: "FlameMetricsAbsent",
} as const satisfies Record<string, AlertName>;

/** A symptom of a call. */
export type Symptom = keyof typeof alertOf;

/** An alert that monitors a symptom of the call. */
export interface NearAlert {
  readonly alert: AlertName;
  /** The symptom in this call. */
  readonly because: string;
  /** The path of the runbook section. */
  readonly runbook: string;
}
