/**
 * Dashboards and alerts for Grafana and Prometheus, with your names, objective and thresholds. `firelight dashboards`
 * writes the same files. Requires `@grafana/grafana-foundation-sdk` and `yaml`.
 *
 * @module
 */
import "../contract/process/runtime-check.ts";

export { type AlertName, alertNames } from "./alert-names.ts";
export { type BundleOptions, completeSettings, type PartialSettings } from "./resolve-settings.ts";
export { bundleFiles } from "./files.ts";
export {
  annotationQueriesOf,
  type DashboardPanel,
  type DashboardQuery,
  panelsOf,
  variableQueriesOf,
} from "./list-panels.ts";
export type { AlertAnnotations, AlertRule, AlertSpec, Area, Comparison, Severity } from "./rules/alert-rule.ts";
export type { AlertDashboard, DashboardVariable } from "./rules/dashboard-url.ts";
export { alerts } from "./rules/alerts.ts";
export { type InhibitRule, inhibitRules } from "./rules/inhibitions.ts";
export { runbookLink } from "./runbook-link.ts";
export { type BundleSettings, defaultSettings, type ServiceLevel, type Thresholds } from "./settings.ts";
export { findDrift, writeBundle } from "./write-bundle.ts";
