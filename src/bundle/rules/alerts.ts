/** All alerts, in the order of their names and of the runbook. */
import { completeSettings } from "../resolve-settings.ts";
import type { BundleSettings } from "../settings.ts";
import { type AlertRule, completeAlert } from "./alert-rule.ts";
import { budgetAlerts } from "./budget-alerts.ts";
import { callAlerts } from "./call-alerts.ts";
import { poolAlerts } from "./pool-alerts.ts";
import { runnerAlerts } from "./runner-alerts.ts";
import { telemetryAlerts } from "./telemetry-alerts.ts";

/**
 * The alerts for your names, objective and thresholds.
 *
 * @param given the settings, from {@link completeSettings}
 * @throws {ConfigError} for an invalid setting.
 *
 * @example
 * ```ts
 * alerts(defaultSettings).find(({ name }) => name === "FlamePoolSaturated")?.expr;
 * ```
 */
export const alerts = (given: BundleSettings): ReadonlyArray<AlertRule> => {
  const settings = completeSettings(given);
  return [
    ...budgetAlerts(settings),
    ...poolAlerts(settings),
    ...callAlerts(settings),
    ...runnerAlerts(settings),
    ...telemetryAlerts(settings),
  ].map((spec) => completeAlert(settings, spec));
};
