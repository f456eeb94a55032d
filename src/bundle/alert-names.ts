/** The names of all alerts, in the order of the runbook. They never change: people silence, route and search by them. */
export const alertNames = [
  "FlameErrorBudgetBurnFast",
  "FlameErrorBudgetBurnSlow",
  "FlameErrorBudgetBurnTicket",
  "FlamePoolSaturationHigh",
  "FlamePoolSaturated",
  "FlamePoolSaturationForecast",
  "FlameAcquireSlow",
  "FlameAcquireTimeouts",
  "FlameRetryStorm",
  "FlameRetriesExhausted",
  "FlameDeadlineExceeded",
  "FlameBootSlow",
  "FlameBootFailing",
  "FlameRunnerCrashLoop",
  "FlameSignatureRejections",
  "FlameClockSkew",
  "FlameTelemetryLoss",
  "FlameMetricsAbsent",
] as const;

/** The name of an alert. */
export type AlertName = (typeof alertNames)[number];
