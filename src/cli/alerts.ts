/**
 * The alerts that ship with Firelight, and which of them watches for what can be seen
 * in one call. An alert sees thousands of calls and this sees one, so it is the
 * nearest alert, not one that fires.
 */
import type { AlertName } from "../bundle/alert-names.ts";

export type { AlertName };

/** The runbook's chapter on an alert: a path in the repository and in the package. */
export const runbookOf = (alert: AlertName): string => `dashboards/runbook.md#${alert.toLowerCase()}`;

/** What can be wrong with a call, or with what it needs; and the alert that watches for it. What is nearer to the cause comes first. */
export const alertOf = {
  /** A message was refused for its signature. */
  signature: "FlameSignatureRejections",
  /** The clocks of parent and runner differ so much that signatures are at risk. */
  clock: "FlameClockSkew",
  /** No runner could be started. */
  bootFailed: "FlameBootFailing",
  /** No slot came before the deadline. */
  noSlotInTime: "FlameAcquireTimeouts",
  /** The pool refused the call: too many wait already. */
  poolFull: "FlamePoolSaturated",
  /** A runner was lost while it had the call. */
  runnerLost: "FlameRunnerCrashLoop",
  /** The retry budget of the pool is used up. */
  retryBudget: "FlameRetryStorm",
  /** The deadline came while the call was at work. */
  deadline: "FlameDeadlineExceeded",
  /** The call failed in another way. */
  failed: "FlameErrorBudgetBurnFast",
  /** Much of the call went into starting a runner. */
  coldStart: "FlameBootSlow",
  /** Much of the call went into waiting for a busy runner, behind others who waited already. */
  queuedInLine: "FlamePoolSaturated",
  /** Much of the call went into waiting for a busy runner. */
  queued: "FlamePoolSaturationHigh",
  /** It took more than a second to get a slot. */
  acquireSlow: "FlameAcquireSlow",
  /** It took more attempts than one. */
  retried: "FlameRetryStorm",
  /** Spans of runners are missing. */
  spansLost: "FlameTelemetryLoss",
  /** Metrics that should be there are not. */
  metricsAbsent: "FlameMetricsAbsent",
} as const satisfies Record<string, AlertName>;

/** Something that is wrong. */
export type Symptom = keyof typeof alertOf;

/** An alert that watches for what was wrong. */
export interface NearAlert {
  readonly alert: AlertName;
  /** What in this call is of its kind. */
  readonly because: string;
  /** The runbook's chapter. */
  readonly runbook: string;
}
