/** Where an alert leads: a dashboard that shows what the alert is about, and nothing else. */
import type { BundleSettings } from "../settings.ts";

/** The dashboards that alerts lead to, by the last part of their uids. */
export type AlertDashboard = "overview" | "method" | "pools" | "retries" | "runners" | "telemetry";

/** Which label of an alert is the value of which variable of the dashboards. */
const labelOf = { job: "job", instance: "instance", pool: "flame_pool_name", method: "rpc_method" } as const;

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
