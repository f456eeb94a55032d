/** The files of the rules, by the path that they have in this repository and in a user's. */
import type { BundleSettings } from "../settings.ts";
import { grafanaAlertingFile } from "./grafana-alerting.ts";
import { alertRulesFile, recordingRulesFile } from "./prometheus-rules.ts";

/**
 * Recording rules and alerts for Prometheus, and the same alerts for Grafana.
 *
 * @throws {ConfigError} when a setting cannot work; the message says which and what to do.
 */
export const ruleFiles = (settings: BundleSettings): ReadonlyMap<string, string> =>
  new Map([
    [`otel/rules/${settings.uid}.rules.yaml`, recordingRulesFile(settings)],
    [`otel/rules/${settings.uid}.alerts.yaml`, alertRulesFile(settings)],
    [`grafana/provisioning/alerting/${settings.uid}.yaml`, grafanaAlertingFile(settings)],
  ]);
