/** Where an alert leads: a dashboard that shows what the alert is about, and nothing else. */
import type { BundleSettings } from "../settings.ts";

/** The dashboards that alerts link to, by the last part of their uids. */
export type AlertDashboard = "overview" | "method" | "pools" | "retries" | "runners" | "telemetry";

/** The alert label that sets each dashboard variable. */
const labelOf = { job: "job", instance: "instance", pool: "flame_pool_name", method: "rpc_method" } as const;

/** A dashboard variable that an alert's label can set. */
export type DashboardVariable = keyof typeof labelOf;

/** The address, with the alert's labels as the values of variables; a template that Prometheus fills in. */
export const dashboardUrl = (
  { grafanaUrl, uid }: BundleSettings,
  dashboard: AlertDashboard,
  variables: ReadonlyArray<DashboardVariable>,
): string => {
  const query = variables.map((name) => `var-${name}={{ $labels.${labelOf[name]} | urlquery }}`).join("&");
  return `${grafanaUrl}/d/${uid}-${dashboard}${query === "" ? "" : `?${query}`}`;
};
