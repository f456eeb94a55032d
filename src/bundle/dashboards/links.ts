/**
 * Where panels lead: to another dashboard with the same choices, to traces and logs in Explore, to the runbook.
 * Variables inside are filled in by Grafana.
 */
import type { AlertName } from "../alert-names.ts";
import { runbookPath } from "../runbook-link.ts";
import type { BundleSettings } from "../settings.ts";
import type { DashboardName } from "./names.ts";
import { type Choice, datasourceVariables } from "./variables.ts";

/** A link of a panel or of a value. */
export interface Link {
  readonly title: string;
  readonly url: string;
  readonly targetBlank: boolean;
}

/** Percent-encodes all but Grafana's variables, which stay recognizable. */
const encode = (text: string): string =>
  text
    .split(/(\$\{[^}]+\})/)
    .map((part, index) => (index % 2 === 1 ? part : encodeURIComponent(part)))
    .join("");

const explore = (title: string, kind: "tempo" | "loki", query: Readonly<Record<string, unknown>>): Link => {
  const uid = `\${${datasourceVariables[kind]}}`;
  const pane = {
    datasource: uid,
    queries: [{ refId: "A", datasource: { type: kind, uid }, ...query }],
    range: { from: "${__from}", to: "${__to}" },
  };
  return {
    title,
    url: `/explore?schemaVersion=1&panes=${encode(JSON.stringify({ firelight: pane }))}`,
    targetBlank: true,
  };
};

/** A search of traces, by TraceQL. Lists in it are written `${method:pipe}`. */
export const tracesLink = (title: string, query: string): Link =>
  explore(title, "tempo", { queryType: "traceql", tableType: "traces", limit: 20, query });

/** One trace, by its id. */
export const traceLink = (title: string, traceId: string): Link =>
  explore(title, "tempo", { queryType: "traceql", query: traceId });

/** A search of logs, by LogQL. Lists in it are written `${method:pipe}`. */
export const logsLink = (title: string, query: string): Link =>
  explore(title, "loki", { queryType: "range", expr: query });

/** A way from one dashboard to another. */
interface Way {
  readonly title: string;
  readonly to: DashboardName;
  /** The variables of the dashboard that the link stands on: their choices are kept. */
  readonly from: ReadonlyArray<Choice>;
  /** Choices that the link makes anew, such as the method of the series that was clicked. */
  readonly choose?: Partial<Record<Choice, string>>;
}

/** Another dashboard over the same time, with the same choices but for those that the link makes. */
export const dashboardLink = ({ uid }: BundleSettings, { title, to, from, choose = {} }: Way): Link => {
  const kept = [...Object.values(datasourceVariables), ...from].filter((name) => !Object.hasOwn(choose, name));
  const query = [
    "${__url_time_range}",
    ...kept.map((name) => `\${${name}:queryparam}`),
    ...Object.entries(choose).map(([name, value]) => `var-${name}=${value}`),
  ].join("&");
  return { title, url: `/d/${uid}-${to}?${query}`, targetBlank: false };
};

/** What the runbook says about an alert. */
export const runbookPanelLink = (settings: BundleSettings, alert: AlertName): Link => ({
  title: `Runbook: ${alert}`,
  url:
    settings.runbookUrl === undefined ? runbookPath(settings, alert) : `${settings.runbookUrl}#${alert.toLowerCase()}`,
  targetBlank: true,
});
