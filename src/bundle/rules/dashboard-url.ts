/** Builds the link from an alert to the dashboard that shows what the alert is about. */
import type { BundleSettings } from "../settings.ts";

/** The dashboards that alerts link to, by the last part of their uids. */
export type AlertDashboard = "overview" | "method" | "pools" | "retries" | "runners" | "telemetry";

/** The alert label that sets each dashboard variable. */
const labelOf = { job: "job", instance: "instance", pool: "flame_pool_name", method: "rpc_method" } as const;

/** A dashboard variable that an alert's label can set. */
export type DashboardVariable = keyof typeof labelOf;

/** Returns a URL template that Prometheus expands: the alert's labels become the values of dashboard variables. */
export const dashboardUrl = (
  { grafanaUrl, uid }: BundleSettings,
  dashboard: AlertDashboard,
  variables: ReadonlyArray<DashboardVariable>,
): string => {
  const query = variables.map((name) => `var-${name}={{ $labels.${labelOf[name]} | urlquery }}`).join("&");
  return `${grafanaUrl}/d/${uid}-${dashboard}${query === "" ? "" : `?${query}`}`;
};
