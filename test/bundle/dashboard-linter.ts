/**
 * The rules of github.com/grafana/dashboard-linter that apply to dashboards for Prometheus, Tempo and Loki, with the
 * exclusions of `dashboards/.lint`. The original linter needs Go.
 */
import { parse as parseYaml } from "yaml";
import { promqlNames, type Selector } from "../harness/promql.ts";
import type { Dashboard, Panel, Target, Variable } from "./shipped.ts";

export interface Finding {
  readonly rule: string;
  readonly dashboard: string;
  readonly panel: string;
  readonly problem: string;
}

interface Exclusions {
  readonly exclusions: Readonly<
    Record<
      string,
      {
        readonly reason: string;
        readonly entries?: ReadonlyArray<{ readonly dashboard?: string; readonly panel?: string }>;
      }
    >
  >;
}

const prometheus = "prometheus_datasource";
const titled = new Set([
  "stat",
  "timeseries",
  "table",
  "gauge",
  "bargauge",
  "heatmap",
  "state-timeline",
  "logs",
  "nodeGraph",
  "text",
]);
const united = new Set(["stat", "timeseries", "table", "gauge"]);
const withQueries = new Set(["table", "stat", "state-timeline", "timeseries"]);
const units = new Set(["none", "short", "percentunit", "s", "ops", "reqps", "cps"]);
const selectorsOf = (expr: string): ReadonlyArray<Selector> => (expr === "" ? [] : promqlNames(expr).selectors);

const capitalized = (text: string): string => text.replace(/^./, (first) => first.toUpperCase());
const queryOf = ({ query = "" }: Variable): string => (typeof query === "string" ? query : query.query);
const isPromql = ({ datasource }: Target): boolean => datasource.type === "prometheus";
const variable = ({ templating }: Dashboard, name: string): Variable | undefined =>
  templating.list.find((one) => one.name === name);

type DashboardRule = (dashboard: Dashboard) => ReadonlyArray<string>;
type PanelRule = (panel: Panel, dashboard: Dashboard) => ReadonlyArray<string>;

const labelTemplate =
  (name: string): DashboardRule =>
  (dashboard) => {
    const found = variable(dashboard, name);
    if (found === undefined) return [`there is no variable ${name}`];
    return [
      ...(found.type === "query" ? [] : [`${name} is not a query`]),
      ...(found.datasource?.uid === `\${${prometheus}}` ? [] : [`${name} does not use the chosen data source`]),
      ...(found.label === capitalized(name) ? [] : [`${name} is labeled ${found.label}`]),
      ...(found.multi === true ? [] : [`${name} does not allow multiple values`]),
      ...(found.allValue === ".+" ? [] : [`${name} has the value ${found.allValue} for all`]),
    ];
  };

const dashboardRules: Readonly<Record<string, DashboardRule>> = {
  "template-datasource-rule": ({ templating }) => {
    const sources = templating.list.filter(({ type }) => type === "datasource");
    if (sources.length === 0) return ["there is no variable for the data source"];
    return sources.flatMap((source) => {
      const kind = queryOf(source);
      const [name, label] = [`${kind}_datasource`, `${capitalized(kind)} data source`];
      return [
        ...(source.name === name ? [] : [`${source.name} should be named ${name}`]),
        ...(source.label === label ? [] : [`${source.name} should be labeled ${label}`]),
      ];
    });
  },
  "template-job-rule": labelTemplate("job"),
  "template-instance-rule": labelTemplate("instance"),
  "template-label-promql-rule": ({ templating }) =>
    templating.list.flatMap((one) =>
      one.type !== "query" || /^(label_values|label_names|metrics|query_result)\(.+\)$/.test(queryOf(one))
        ? []
        : [`${one.name} has the query ${queryOf(one)}`],
    ),
  "template-on-time-change-reload-rule": ({ templating }) =>
    templating.list.flatMap(({ type, name, refresh }) =>
      type !== "query" || refresh === 2 ? [] : [`${name} does not refresh when the time range changes`],
    ),
  "uneditable-dashboard": ({ editable }) => (editable ? ["it is editable, but provisioned from a file"] : []),
};

const requiresMatcher =
  (label: string): PanelRule =>
  ({ targets = [] }) =>
    targets.filter(isPromql).flatMap(({ refId, expr = "" }) => {
      const selectors = selectorsOf(expr);
      const without = selectors.find(
        ({ matchers }) =>
          !matchers.some((one) => one.label === label && one.operator === "=~" && one.value === `$${label}`),
      );
      return selectors.length > 0 && without === undefined
        ? []
        : [`${refId} does not match ${label}: ${without?.text}`];
    });

const panelRules: Readonly<Record<string, PanelRule>> = {
  "panel-datasource-rule": ({ datasource, targets = [] }, dashboard) => {
    const uids = new Set(
      dashboard.templating.list.flatMap(({ type, name }) => (type === "datasource" ? [`\${${name}}`] : [])),
    );
    return [datasource, ...targets.map((target) => target.datasource)].flatMap((source) =>
      source === undefined || uids.has(source.uid) ? [] : [`it uses the data source ${source.uid}`],
    );
  },
  "panel-title-description-rule": ({ type, title, description = "" }) =>
    !titled.has(type) || (title !== "" && description !== "") ? [] : ["it has no title or no description"],
  "panel-units-rule": ({ type, fieldConfig }) => {
    const unit = fieldConfig?.defaults.unit ?? "";
    return !united.has(type) || units.has(unit) ? [] : [`its unit is "${unit}"`];
  },
  "panel-no-targets-rule": ({ type, targets = [] }) =>
    type === "row" || type === "text" || targets.length > 0 ? [] : ["it has no queries"],
  "target-promql-rule": ({ type, targets = [] }) =>
    targets.flatMap((target) =>
      !withQueries.has(type) || (target.expr ?? "") !== "" ? [] : [`${target.refId} has no PromQL`],
    ),
  "target-rate-interval-rule": ({ targets = [] }) =>
    targets
      .filter(isPromql)
      .flatMap(({ refId, expr = "" }) =>
        selectorsOf(expr).flatMap(({ function: name, range }) =>
          !/^i?rate$/.test(name ?? "") || range === "$__rate_interval" ? [] : [`${refId} has a rate over ${range}`],
        ),
      ),
  "target-job-rule": requiresMatcher("job"),
  "target-instance-rule": requiresMatcher("instance"),
  "target-counter-agg-rule": ({ targets = [] }) =>
    targets
      .filter(isPromql)
      .flatMap(({ refId, expr = "" }) =>
        selectorsOf(expr).flatMap(({ metric, function: name }) =>
          !metric.endsWith("_total") || /^(rate|irate|increase)$/.test(name ?? "")
            ? []
            : [`${refId} reads the counter ${metric} without rate`],
        ),
      ),
  "target-logql-auto-rule": ({ targets = [] }) =>
    targets.flatMap(({ refId, datasource, expr = "" }) =>
      datasource.type === "loki" && /\[(?!\$__auto\])/.test(expr) ? [`${refId} has a fixed range`] : [],
    ),
};

/** Lints a dashboard. Returns the findings that are not excluded. */
export const lint = (dashboard: Dashboard, exceptions = "exclusions: {}"): ReadonlyArray<Finding> => {
  const { exclusions } = parseYaml(exceptions) as Exclusions;
  const excluded = (rule: string, panel: string): boolean => {
    const exclusion = exclusions[rule];
    if (exclusion === undefined) return false;
    return (exclusion.entries ?? [{}]).some(
      (entry) =>
        (entry.dashboard === undefined || entry.dashboard === dashboard.title) &&
        (entry.panel === undefined || entry.panel === panel),
    );
  };
  const found = (rule: string, panel: string, problems: ReadonlyArray<string>): ReadonlyArray<Finding> =>
    excluded(rule, panel) ? [] : problems.map((problem) => ({ rule, dashboard: dashboard.title, panel, problem }));
  return [
    ...Object.entries(dashboardRules).flatMap(([rule, check]) => found(rule, "", check(dashboard))),
    ...dashboard.panels.flatMap((panel) =>
      Object.entries(panelRules).flatMap(([rule, check]) => found(rule, panel.title, check(panel, dashboard))),
    ),
  ];
};
