/** Links an alert to its section of the runbook. */
import { type AlertName, alertNames } from "./alert-names.ts";
import type { BundleSettings } from "./settings.ts";

/** Returns the id of the alert's panel on the runbook dashboard. It follows the order of the alerts. */
export const runbookPanelId = (alert: AlertName): number => alertNames.indexOf(alert) + 1;

/** Returns the Grafana path of the alert's panel on the runbook dashboard. */
export const runbookPath = ({ uid }: BundleSettings, alert: AlertName): string =>
  `/d/${uid}-runbook?viewPanel=${runbookPanelId(alert)}`;

/**
 * The link to an alert's section in the runbook: a heading of `runbookUrl`, or a panel of the runbook dashboard.
 *
 * @param settings the settings
 * @param alert the alert's name
 *
 * @example
 * ```ts
 * runbookLink(defaultSettings, "FlamePoolSaturated");
 * // http://localhost:3000/d/firelight-runbook?viewPanel=5
 * ```
 */
export const runbookLink = (settings: BundleSettings, alert: AlertName): string =>
  settings.runbookUrl === undefined
    ? `${settings.grafanaUrl}${runbookPath(settings, alert)}`
    : `${settings.runbookUrl}#${alert.toLowerCase()}`;
