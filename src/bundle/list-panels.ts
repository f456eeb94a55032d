/** Lists the queries of a dashboard, for tests that run them against real servers and for pictures of panels. */

/** A query of a panel, a variable or an annotation. */
export interface DashboardQuery {
  /** Grafana's id of the query within its panel, or the name of the variable or annotation. */
  readonly refId: string;
  /** The query language. */
  readonly language: "promql" | "traceql" | "logql" | "service_map";
  /** The query with its variables; empty for a service map. */
  readonly query: string;
  /** Template of the series' names. */
  readonly legend: string;
  /** Whether it is evaluated once, at the end of the time range. */
  readonly instant: boolean;
  /** Whether it asks for exemplars. */
  readonly exemplars: boolean;
}

/** A panel, also in a collapsed row. */
export interface DashboardPanel {
  /** Uid of the dashboard. */
  readonly dashboard: string;
  /** Id of the panel within the dashboard. */
  readonly id: number;
  /** The title. */
  readonly title: string;
  /** The help text. */
  readonly description: string;
  /** Grafana's panel type, such as `timeseries`. */
  readonly type: string;
  /** Grafana's unit, such as `s`. */
  readonly unit: string;
  /** The queries. */
  readonly targets: ReadonlyArray<DashboardQuery>;
}

interface RawTarget {
  readonly refId?: string;
  readonly datasource?: { readonly type?: string };
  readonly expr?: string;
  readonly query?: string;
  readonly queryType?: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
  readonly exemplar?: boolean;
}

interface RawPanel {
  readonly id: number;
  readonly type: string;
  readonly title?: string;
  readonly description?: string;
  readonly targets?: ReadonlyArray<RawTarget>;
  readonly panels?: ReadonlyArray<RawPanel>;
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } };
}

interface RawDashboard {
  readonly uid: string;
  readonly panels: ReadonlyArray<RawPanel>;
  readonly templating: {
    readonly list: ReadonlyArray<{ readonly type: string; readonly name: string; readonly definition?: string }>;
  };
  readonly annotations: { readonly list: ReadonlyArray<{ readonly name: string; readonly expr?: string }> };
}

const languageOf = ({ datasource, queryType }: RawTarget): DashboardQuery["language"] => {
  if (datasource?.type === "loki") return "logql";
  if (datasource?.type === "tempo") return queryType === "serviceMap" ? "service_map" : "traceql";
  return "promql";
};

const queryOf = (target: RawTarget): DashboardQuery => ({
  refId: target.refId ?? "A",
  language: languageOf(target),
  query: target.expr ?? target.query ?? "",
  legend: target.legendFormat ?? "",
  instant: target.instant === true,
  exemplars: target.exemplar === true,
});

/** Returns a query that belongs to no panel. */
const queryOutsidePanels = (refId: string, query: string): DashboardQuery => ({
  refId,
  language: "promql",
  query,
  legend: "",
  instant: false,
  exemplars: false,
});

/**
 * Lists the panels of a dashboard, without rows and text panels.
 *
 * @param json a dashboard of the bundle, as JSON
 */
export const panelsOf = (json: string): ReadonlyArray<DashboardPanel> => {
  const { uid, panels } = JSON.parse(json) as RawDashboard;
  const list = (some: ReadonlyArray<RawPanel>): ReadonlyArray<DashboardPanel> =>
    some.flatMap((panel) => {
      const { id, title = "", description = "", type, targets = [], fieldConfig } = panel;
      const unit = fieldConfig?.defaults?.unit ?? "";
      const own = { dashboard: uid, id, title, description, type, unit, targets: targets.map(queryOf) };
      return [...(targets.length === 0 ? [] : [own]), ...list(panel.panels ?? [])];
    });
  return list(panels);
};

/**
 * Lists the queries of a dashboard's variables, `label_values(…, label)`, by the variable's name.
 *
 * @param json a dashboard of the bundle, as JSON
 */
export const variableQueriesOf = (json: string): ReadonlyArray<DashboardQuery> =>
  (JSON.parse(json) as RawDashboard).templating.list.flatMap(({ type, name, definition }) =>
    type === "query" && definition !== undefined ? [queryOutsidePanels(name, definition)] : [],
  );

/**
 * Lists the queries of a dashboard's annotations, by the annotation's name.
 *
 * @param json a dashboard of the bundle, as JSON
 */
export const annotationQueriesOf = (json: string): ReadonlyArray<DashboardQuery> =>
  (JSON.parse(json) as RawDashboard).annotations.list.flatMap(({ name, expr }) =>
    expr === undefined ? [] : [queryOutsidePanels(name, expr)],
  );
