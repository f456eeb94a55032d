/** Which names may stand in queries: those of the catalog, of recording rules, and of series that others make. */
import { externalSeries } from "../../../src/bundle/external-series.ts";
import { attributes, metrics, type MetricSpec } from "../../../src/telemetry/catalog.ts";
import { promqlNames } from "./promql.ts";
import { logqlNames, traceqlNames } from "./search-languages.ts";

type ExternalSeries = (typeof externalSeries)[keyof typeof externalSeries];

/** Labels that Prometheus gives to whatever it scrapes. */
const targetLabels = ["job", "instance"];

const parts: Readonly<Record<MetricSpec["type"], ReadonlyArray<string>>> = {
  histogram: ["_bucket", "_sum", "_count"],
  counter: [""],
  gauge: [""],
};

const catalogd: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.values<MetricSpec>(metrics).flatMap(({ name, type, labels }) =>
    parts[type].map((part) => [
      `${name}${part}`,
      new Set([...labels, ...targetLabels, ...(part === "_bucket" ? ["le"] : [])]),
    ]),
  ),
);

const everyLabel: ReadonlySet<string> = new Set([
  ...[...catalogd.values()].flatMap((labels) => [...labels]),
  ...Object.values(externalSeries).flatMap(({ labels }): ReadonlyArray<string> => labels),
]);

/** Who makes a series, if it is not Firelight. The name may be a pattern, as the series' own may. */
export const externalOf = (metric: string): ExternalSeries | undefined =>
  Object.values(externalSeries).find(({ name }) => name === metric || new RegExp(`^(?:${name})$`).test(metric));

/** What a PromQL expression names and nobody makes. */
export const strangersInPromql = (expr: string, recorded: ReadonlySet<string>): ReadonlyArray<string> => {
  const { selectors, labels, made } = promqlNames(expr);
  const inSelectors = selectors.flatMap(({ metric, labels }) => {
    const external = externalOf(metric);
    const known =
      catalogd.get(metric) ?? (external === undefined ? undefined : new Set([...external.labels, ...targetLabels]));
    if (known === undefined && !recorded.has(metric)) return [metric];
    return labels.filter((label) => !(known ?? everyLabel).has(label)).map((label) => `${metric}{${label}}`);
  });
  return [...inSelectors, ...labels.filter((label) => !everyLabel.has(label) && !made.includes(label))];
};

/** Attributes of spans and records that are no one's: of OpenTelemetry's resources, and of Loki. */
const resourceAttributes = ["service.name", "service.namespace", "deployment.environment.name"];
const lokiLabels = ["level", "detected_level", "severity_text", "scope_name"];

const attributeNames: ReadonlySet<string> = new Set([
  ...Object.values(attributes).map(({ name }): string => name),
  ...resourceAttributes,
]);

const labelNames: ReadonlySet<string> = new Set([
  ...[...attributeNames].map((name) => name.replaceAll(".", "_")),
  ...lokiLabels,
]);

/** Words of TraceQL that the dashboards use. */
const traceqlWords: ReadonlySet<string> = new Set(
  "name kind status duration rootName rootServiceName traceDuration statusMessage nil true false error ok unset client server internal producer consumer select avg max min sum count rate by with".split(
    " ",
  ),
);

/** What a TraceQL query names and nobody makes. */
export const strangersInTraceql = (query: string): ReadonlyArray<string> => {
  const { attributes, words } = traceqlNames(query);
  return [
    ...attributes.filter((name) => !attributeNames.has(name)),
    ...words.filter((word) => !traceqlWords.has(word)),
  ];
};

/** What a LogQL query names and nobody makes. */
export const strangersInLogql = (query: string): ReadonlyArray<string> =>
  logqlNames(query).attributes.filter((name) => !labelNames.has(name));
