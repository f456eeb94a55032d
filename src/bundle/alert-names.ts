/** The alerts, in the order of the runbook. A name is for good: people silence, route and search by it. */

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
  "FlameDeadlineExceeded",
  "FlameBootSlow",
  "FlameBootFailing",
  "FlameRunnerCrashLoop",
  "FlameSignatureRejections",
  "FlameClockSkew",
  "FlameTelemetryLoss",
  "FlameMetricsAbsent",
] as const;

export type AlertName = (typeof alertNames)[number];
