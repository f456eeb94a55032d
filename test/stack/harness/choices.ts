/** What a user of a dashboard can select: one value of each variable, several, or All. */
import type { VariableSpec } from "./dashboards.ts";
import { optionsOf } from "./grafana-options.ts";
import { substitute, type QueryTimes, type Variable } from "./grafana-variables.ts";
import type { PrometheusApi } from "./prometheus-api.ts";

export type Extent = "one" | "several" | "all";

export const extents: ReadonlyArray<Extent> = ["one", "several", "all"];

/** Number of values that `several` selects. */
const few = 2;

const choose = (
  spec: VariableSpec,
  options: ReadonlyArray<string>,
  extent: Extent,
  favorites: ReadonlySet<string>,
): Variable["chosen"] => {
  if (extent === "all" && spec.includeAll) return "all";
  const inOrder = [
    ...options.filter((value) => favorites.has(value)),
    ...options.filter((value) => !favorites.has(value)),
  ];
  return inOrder.slice(0, extent === "one" || !spec.multi ? 1 : few);
};

/**
 * The variables of a dashboard with selected values, queried in order, because later ones depend on earlier ones.
 *
 * @param favorites values that are selected before others
 */
export const chooseVariables = async (
  api: PrometheusApi,
  specs: ReadonlyArray<VariableSpec>,
  extent: Extent,
  times: QueryTimes,
  favorites: ReadonlySet<string>,
): Promise<ReadonlyArray<Variable>> => {
  const variables: Array<Variable> = [];
  for (const spec of specs) {
    const options =
      spec.type === "query"
        ? await optionsOf(
            api,
            { query: substitute(spec.query, "prometheus", variables, times), regex: spec.regex },
            times,
          )
        : [spec.query];
    if (options.length === 0) throw new Error(`The variable ${spec.name} has no options: ${spec.query}`);
    variables.push({
      name: spec.name,
      multi: spec.multi || spec.includeAll,
      options,
      chosen: choose(spec, options, extent, favorites),
      ...(spec.allValue === undefined ? {} : { allValue: spec.allValue }),
    });
  }
  return variables;
};
