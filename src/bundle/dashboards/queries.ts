/** Builds panel queries against the data source that the dashboard's variable selects. */
import type { Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import type { DataSourceRef } from "@grafana/grafana-foundation-sdk/common";
import { DataqueryBuilder as LokiQuery } from "@grafana/grafana-foundation-sdk/loki";
import { DataqueryBuilder as PrometheusQuery, PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus";
import { DataqueryBuilder as TempoQuery, SearchTableType, TempoQueryType } from "@grafana/grafana-foundation-sdk/tempo";
import { datasourceVariables } from "./variables.ts";

/** Creates the query with the given letter. */
export type Query = (refId: string) => Dataquery;

export const datasourceOf = (kind: keyof typeof datasourceVariables): DataSourceRef => ({
  type: kind,
  uid: `\${${datasourceVariables[kind]}}`,
});

const prometheus = (refId: string, expr: string, legend: string): PrometheusQuery =>
  new PrometheusQuery().refId(refId).datasource(datasourceOf("prometheus")).expr(expr).legendFormat(legend);

/** PromQL over the time range. The legend may contain labels, as in `{{rpc_method}}`. */
export const promql =
  (expr: string, legend: string): Query =>
  (refId) =>
    prometheus(refId, expr, legend).range().build();

/** PromQL over a histogram with exemplars, which appear as dots that link to traces. */
export const withExemplars =
  (expr: string, legend: string): Query =>
  (refId) =>
    prometheus(refId, expr, legend).range().exemplar(true).build();

/** Buckets by `le`, for heatmaps and bars. */
export const buckets =
  (expr: string, exemplars = true): Query =>
  (refId) =>
    prometheus(refId, expr, "{{le}}").format(PromQueryFormat.Heatmap).range().exemplar(exemplars).build();

/** Buckets by `le` at the end of the time range. */
export const bucketsNow =
  (expr: string): Query =>
  (refId) =>
    prometheus(refId, expr, "{{le}}").format(PromQueryFormat.Heatmap).instant().build();

/** PromQL at the end of the time range, for expressions that look back over all of it. */
export const promqlNow =
  (expr: string, legend: string): Query =>
  (refId) =>
    prometheus(refId, expr, legend).instant().build();

/** One column of a table, at the end of the time range. */
export const column =
  (expr: string, legend: string): Query =>
  (refId) =>
    prometheus(refId, expr, legend).format(PromQueryFormat.Table).instant().build();

/** A trace search, newest first. */
export const traceql =
  (query: string): Query =>
  (refId) =>
    new TempoQuery()
      .refId(refId)
      .datasource(datasourceOf("tempo"))
      .queryType(TempoQueryType.Traceql)
      .tableType(SearchTableType.Traces)
      .limit(20)
      .spss(3)
      .filters([])
      .query(query)
      .build();

/** The service graph, which Tempo reads from its Prometheus. */
export const serviceMap: Query = (refId) =>
  new TempoQuery()
    .refId(refId)
    .datasource(datasourceOf("tempo"))
    .queryType(TempoQueryType.ServiceMap)
    .filters([])
    .build();

/** A log search. */
export const logql =
  (expr: string): Query =>
  (refId) =>
    new LokiQuery().refId(refId).datasource(datasourceOf("loki")).expr(expr).queryType("range").maxLines(200).build();
