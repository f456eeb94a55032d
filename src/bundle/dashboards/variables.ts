/** The variables of the dashboards: data sources, then the selection, from all services down to one method. */
import {
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
  VariableSort,
  type VariableModel,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { series } from "../series.ts";
import type { BundleSettings } from "../settings.ts";

/** The variables that select a data source, by its kind. */
export const datasourceVariables = {
  prometheus: "prometheus_datasource",
  tempo: "tempo_datasource",
  loki: "loki_datasource",
} as const;

/** The variables that a dashboard may offer. */
export type Choice = "job" | "instance" | "pool" | "method" | "slow";

const datasource = (kind: keyof typeof datasourceVariables, settings: BundleSettings): VariableModel => {
  const uid = settings.datasources[kind];
  return new DatasourceVariableBuilder(datasourceVariables[kind])
    .label(`${kind.replace(/^./, (first) => first.toUpperCase())} data source`)
    .type(kind)
    .current({ text: uid, value: uid })
    .build();
};

/** A variable for one, several or all values of a label. */
const label = (name: string, title: string, description: string, query: string, allValue: string): VariableModel =>
  new QueryVariableBuilder(name)
    .label(title)
    .description(description)
    .datasource({ type: "prometheus", uid: `\${${datasourceVariables.prometheus}}` })
    .query({ qryType: 1, query, refId: "PrometheusVariableQueryEditor-VariableQuery" })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalCaseInsensitiveAsc)
    .multi(true)
    .includeAll(true)
    .allValue(allValue)
    .current({ selected: true, text: "All", value: "$__all" })
    .build();

const choices: Readonly<Record<Choice, (settings: BundleSettings) => VariableModel>> = {
  job: ({ selector }) =>
    label(
      "job",
      "Job",
      "Services whose parents report metrics: the Prometheus label `job`.",
      `label_values(${series("callDuration", {}, "count", selector)}, job)`,
      ".+",
    ),
  instance: ({ selector }) =>
    label(
      "instance",
      "Instance",
      "Parent processes.",
      `label_values(${series("callDuration", { job: ["=~", "$job"] }, "count", selector)}, instance)`,
      ".+",
    ),
  pool: ({ selector }) =>
    label(
      "pool",
      "Pool",
      "Pools of runners.",
      `label_values(${series("acquireDuration", { job: ["=~", "$job"], instance: ["=~", "$instance"] }, "count", selector)}, flame_pool_name)`,
      ".*",
    ),
  method: ({ selector }) =>
    label(
      "method",
      "Method",
      "Methods, as `service/method`.",
      `label_values(${series("callDuration", { job: ["=~", "$job"], instance: ["=~", "$instance"], flame_pool_name: ["=~", "$pool"] }, "count", selector)}, rpc_method)`,
      ".*",
    ),
  slow: () =>
    new TextBoxVariableBuilder("slow")
      .label("Slow from")
      .description("Minimum duration of the calls listed as slow, such as 250ms or 1s.")
      .defaultValue("1s")
      .build(),
};

/** Returns the data source variables and the given selection variables, in order. */
export const makeVariables = (settings: BundleSettings, chosen: ReadonlyArray<Choice>): Array<VariableModel> => [
  datasource("prometheus", settings),
  datasource("tempo", settings),
  datasource("loki", settings),
  ...chosen.map((choice) => choices[choice](settings)),
];
