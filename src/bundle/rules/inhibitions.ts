/**
 * Which alerts are silenced while another one fires: its causes, its consequences and its weaker forms. A page silences
 * the tickets of its job, since someone is already looking; those that outlast it notify then. Signatures are not
 * silenced, since they may go to other people.
 */
import type { AlertName } from "../alert-names.ts";

interface Inhibition {
  readonly source: AlertName;
  readonly targets: ReadonlyArray<AlertName>;
  /** Labels that both must share. */
  readonly equal: ReadonlyArray<string>;
}

/** Tickets about calls, pools and runners: what they describe is part of what a page of the same job describes. */
const ticketsOfJob = [
  "FlamePoolSaturationHigh",
  "FlamePoolSaturationForecast",
  "FlameAcquireSlow",
  "FlameAcquireTimeouts",
  "FlameRetryStorm",
  "FlameRetriesExhausted",
  "FlameDeadlineExceeded",
  "FlameBootSlow",
  "FlameBootFailing",
  "FlameRunnerCrashLoop",
] as const satisfies ReadonlyArray<AlertName>;

export const inhibitions: ReadonlyArray<Inhibition> = [
  {
    source: "FlameMetricsAbsent",
    targets: [
      "FlameErrorBudgetBurnFast",
      "FlameErrorBudgetBurnSlow",
      "FlameErrorBudgetBurnTicket",
      "FlamePoolSaturated",
      ...ticketsOfJob,
    ],
    equal: ["job"],
  },
  {
    source: "FlameErrorBudgetBurnFast",
    targets: ["FlameErrorBudgetBurnSlow", "FlameErrorBudgetBurnTicket", "FlamePoolSaturated", ...ticketsOfJob],
    equal: ["job"],
  },
  { source: "FlameErrorBudgetBurnSlow", targets: ["FlameErrorBudgetBurnTicket"], equal: ["job"] },
  {
    source: "FlamePoolSaturated",
    targets: ["FlamePoolSaturationHigh", "FlamePoolSaturationForecast"],
    equal: ["job", "instance", "flame_pool_name"],
  },
  {
    source: "FlamePoolSaturated",
    targets: ["FlameAcquireSlow", "FlameAcquireTimeouts", "FlameDeadlineExceeded"],
    equal: ["job", "flame_pool_name"],
  },
  {
    source: "FlamePoolSaturationHigh",
    targets: ["FlamePoolSaturationForecast"],
    equal: ["job", "instance", "flame_pool_name"],
  },
  {
    source: "FlameBootFailing",
    targets: ["FlameBootSlow", "FlameAcquireSlow", "FlameAcquireTimeouts"],
    equal: ["job", "flame_pool_name"],
  },
  { source: "FlameAcquireTimeouts", targets: ["FlameAcquireSlow"], equal: ["job", "flame_pool_name"] },
  { source: "FlameRetriesExhausted", targets: ["FlameRetryStorm"], equal: ["job", "flame_pool_name"] },
  {
    source: "FlameRunnerCrashLoop",
    targets: ["FlameRetryStorm", "FlameRetriesExhausted", "FlameTelemetryLoss"],
    equal: ["job", "flame_pool_name"],
  },
];

/** An entry of `inhibit_rules` of Alertmanager, 0.22 or newer. */
export interface InhibitRule {
  /** Matchers of the alert that silences others. */
  readonly source_matchers: ReadonlyArray<string>;
  /** Matchers of the alerts that it silences. */
  readonly target_matchers: ReadonlyArray<string>;
  /** Labels that both alerts must share. */
  readonly equal: ReadonlyArray<string>;
}

/**
 * The `inhibit_rules` for Alertmanager: an alert silences its consequences and its weaker forms.
 *
 * @example
 * ```ts
 * stringify({ inhibit_rules: inhibitRules() });
 * ```
 */
export const inhibitRules = (): ReadonlyArray<InhibitRule> =>
  inhibitions.map(({ source, targets, equal }) => ({
    source_matchers: [`alertname="${source}"`],
    target_matchers: [`alertname=~"${targets.join("|")}"`],
    equal,
  }));
