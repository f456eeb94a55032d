/**
 * Which alerts are silenced while another one fires: its consequences and its weaker forms. Pages about different
 * things do not silence each other, since one may hide another fault. Group them by job to get one incident.
 */
import type { AlertName } from "../alert-names.ts";

interface Inhibition {
  readonly source: AlertName;
  readonly targets: ReadonlyArray<AlertName>;
  /** Labels that both must share. */
  readonly equal: ReadonlyArray<string>;
}

export const inhibitions: ReadonlyArray<Inhibition> = [
  {
    source: "FlameErrorBudgetBurnFast",
    targets: ["FlameErrorBudgetBurnSlow", "FlameErrorBudgetBurnTicket"],
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
    targets: ["FlameAcquireSlow", "FlameAcquireTimeouts"],
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
  {
    source: "FlameRunnerCrashLoop",
    targets: ["FlameRetryStorm", "FlameTelemetryLoss"],
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
