/**
 * Links from panels: to another dashboard with the same selection, to traces and logs in Explore, to the runbook.
 * Grafana expands the variables in them.
 */
import type { AlertName } from "../alert-names.ts";
import { runbookPath } from "../runbook-link.ts";
import type { BundleSettings } from "../settings.ts";
import type { DashboardName } from "./names.ts";
import { type Choice, datasourceVariables } from "./variables.ts";

/** A link of a panel or a value. */
export interface Link {
  readonly title: string;
  readonly url: string;
  readonly targetBlank: boolean;
}

/** Percent-encodes everything except Grafana's variables. */
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

/** Links to a trace search in TraceQL. Multi-value variables must be written `${method:pipe}`. */
export const tracesLink = (title: string, query: string): Link =>
  explore(title, "tempo", { queryType: "traceql", tableType: "traces", limit: 20, query });

/** Links to a trace by its id. */
export const traceLink = (title: string, traceId: string): Link =>
  explore(title, "tempo", { queryType: "traceql", query: traceId });

/** Links to a log search in LogQL. Multi-value variables must be written `${method:pipe}`. */
export const logsLink = (title: string, query: string): Link =>
  explore(title, "loki", { queryType: "range", expr: query });

/** A link from one dashboard to another. */
interface Way {
  readonly title: string;
  readonly to: DashboardName;
  /** The variables of the current dashboard, whose selection the link keeps. */
  readonly from: ReadonlyArray<Choice>;
  /** Variables that the link sets, such as the method of the clicked series. */
  readonly choose?: Partial<Record<Choice, string>>;
}

/** Links to another dashboard with the same time range and selection, except for the variables that the link sets. */
export const dashboardLink = ({ uid }: BundleSettings, { title, to, from, choose = {} }: Way): Link => {
  const kept = [...Object.values(datasourceVariables), ...from].filter((name) => !Object.hasOwn(choose, name));
  const query = [
    "${__url_time_range}",
    ...kept.map((name) => `\${${name}:queryparam}`),
    ...Object.entries(choose).map(([name, value]) => `var-${name}=${value}`),
  ].join("&");
  return { title, url: `/d/${uid}-${to}?${query}`, targetBlank: false };
};

/** Links to an alert's section of the runbook. */
export const runbookPanelLink = (settings: BundleSettings, alert: AlertName): Link => ({
  title: `Runbook: ${alert}`,
  url:
    settings.runbookUrl === undefined ? runbookPath(settings, alert) : `${settings.runbookUrl}#${alert.toLowerCase()}`,
  targetBlank: true,
});
