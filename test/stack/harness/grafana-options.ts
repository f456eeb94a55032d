/** Queries the options of a dashboard's variables from Prometheus, as Grafana does. */
import type { PrometheusApi, TimeRange } from "./prometheus-api.ts";

/** The definition of a query variable in a dashboard. */
export interface OptionsQuery {
  /** Such as `label_values(up, job)`, with its variables filled in. */
  readonly query: string;
  /** Keeps the options that match, or their first group. Empty: all. */
  readonly regex: string;
}

const labelValues = /^label_values\((?:([\s\S]+),\s*)?([a-zA-Z_][\w]*)\)\s*$/;
const queryResult = /^query_result\(([\s\S]+)\)\s*$/;

const resultText = (labels: Readonly<Record<string, string>>, value: number, atMs: number): string => {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.entries(rest).map(([label, text]) => `${label}="${text}"`);
  return `${name}{${pairs.join(",")}} ${value} ${Math.round(atMs)}`;
};

const ask = async (api: PrometheusApi, query: string, range: TimeRange): Promise<ReadonlyArray<string>> => {
  const values = labelValues.exec(query);
  if (values !== null) {
    const [, selector, label] = values;
    return api.labelValues(label!, selector, range);
  }
  const result = queryResult.exec(query);
  if (result === null) throw new Error(`Unsupported variable query: ${query}`);
  const found = await api.query(result[1]!, range.endMs);
  return found.flatMap(({ labels, samples }) => samples.map(({ atMs, value }) => resultText(labels, value, atMs)));
};

const keep = (values: ReadonlyArray<string>, regex: string): ReadonlyArray<string> => {
  if (regex === "") return values;
  const [, source, flags] = /^\/([\s\S]*)\/([a-z]*)$/.exec(regex) ?? [undefined, `^${regex}$`, ""];
  const pattern = new RegExp(source, flags?.replace("g", ""));
  return values.flatMap((value) => {
    const match = pattern.exec(value);
    return match === null ? [] : [match.groups?.["value"] ?? match[1] ?? match[0]];
  });
};

/** The options of a variable, sorted and unique. */
export const optionsOf = async (
  api: PrometheusApi,
  { query, regex }: OptionsQuery,
  range: TimeRange,
): Promise<ReadonlyArray<string>> => [...new Set(keep(await ask(api, query, range), regex))].toSorted();
