/** The names that queries may use: those of the catalog, of recording rules, and of external series. */
import { externalSeries } from "../../../src/bundle/external-series.ts";
import { attributes, metrics, type MetricSpec } from "../../../src/telemetry/catalog.ts";
import { logqlLabels } from "../../harness/logql.ts";
import { promqlNames } from "../../harness/promql.ts";
import { traceqlAttributes } from "../../harness/traceql.ts";

type ExternalSeries = (typeof externalSeries)[keyof typeof externalSeries];

/** Labels that Prometheus adds to everything it scrapes. */
const targetLabels = ["job", "instance"];

const parts: Readonly<Record<MetricSpec["type"], ReadonlyArray<string>>> = {
  histogram: ["_bucket", "_sum", "_count"],
  counter: [""],
  gauge: [""],
};

const cataloged: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.values<MetricSpec>(metrics).flatMap(({ name, type, labels }) =>
    parts[type].map((part) => [
      `${name}${part}`,
      new Set([...labels, ...targetLabels, ...(part === "_bucket" ? ["le"] : [])]),
    ]),
  ),
);

const everyLabel: ReadonlySet<string> = new Set([
  ...[...cataloged.values()].flatMap((labels) => [...labels]),
  ...Object.values(externalSeries).flatMap(({ labels }): ReadonlyArray<string> => labels),
]);

/** The external series with this name, if any. Both names may be patterns. */
export const externalOf = (metric: string): ExternalSeries | undefined =>
  Object.values(externalSeries).find(({ name }) => name === metric || new RegExp(`^(?:${name})$`).test(metric));

/** The unknown metrics and labels of a PromQL expression. */
export const unknownInPromql = (expr: string, recorded: ReadonlySet<string>): ReadonlyArray<string> => {
  const { selectors, labels, createdLabels } = promqlNames(expr);
  const inSelectors = selectors.flatMap(({ metric, matchers }) => {
    const external = externalOf(metric);
    const known =
      cataloged.get(metric) ?? (external === undefined ? undefined : new Set([...external.labels, ...targetLabels]));
    if (known === undefined && !recorded.has(metric)) return [metric];
    return matchers.filter(({ label }) => !(known ?? everyLabel).has(label)).map(({ label }) => `${metric}{${label}}`);
  });
  return [...inSelectors, ...labels.filter((label) => !everyLabel.has(label) && !createdLabels.includes(label))];
};

/** Attributes of spans and records that are not in the catalog: those of OpenTelemetry's resources and of Loki. */
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

/** The unknown attributes of a TraceQL query. */
export const unknownInTraceql = (query: string): ReadonlyArray<string> =>
  traceqlAttributes(query).filter((name) => !attributeNames.has(name));

/** The unknown labels of a LogQL query. */
export const unknownInLogql = (query: string): ReadonlyArray<string> =>
  logqlLabels(query).filter((name) => !labelNames.has(name));
