/**
 * The metrics of a Prometheus registry as OpenTelemetry metrics, converted when
 * they are collected: instruments exist once, whether they are scraped or pushed.
 */
import type { Attributes, HrTime } from "@opentelemetry/api";
import { ValueType } from "@opentelemetry/api";
import { metrics as sdk, resources } from "@opentelemetry/sdk-node";
import { having } from "../contract/option-checks.ts";
import { readOption } from "../contract/option-schema.ts";
import type { MetricSpec } from "../telemetry/catalog.ts";
import { metrics as catalog } from "../telemetry/catalog.ts";

/** A sample as both Prometheus clients give it as JSON. */
interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly metricName?: string;
}

/** A metric as both Prometheus clients give it as JSON. */
interface JsonMetric {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly values?: ReadonlyArray<Sample>;
}

/** A registry of prom-client or @prometheus-io/client, as far as it is read here. */
export interface ReadableRegistry {
  getMetricsAsJSON(): Promise<ReadonlyArray<unknown>>;
}

const registryCheck = having<ReadableRegistry>("a registry of prom-client or @prometheus-io/client", [
  "getMetricsAsJSON",
]);

interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

const specs: ReadonlyMap<string, MetricSpec> = new Map(
  Object.values<MetricSpec>(catalog).flatMap((spec) => [
    [spec.name, spec],
    [spec.name.replace(/_total$/, ""), spec],
  ]),
);

const hrTime = (ms: number): HrTime => [Math.floor(ms / 1000), Math.round((ms % 1000) * 1_000_000)];

const attributesOf = (sample: Sample): Attributes => {
  const { le: _bound, ...labels } = sample.labels;
  return labels;
};

const seriesKey = (attributes: Attributes): string =>
  JSON.stringify(Object.entries(attributes).sort(([left], [right]) => (left < right ? -1 : 1)));

interface Series {
  readonly attributes: Attributes;
  readonly cumulative: Array<readonly [bound: number, count: number]>;
  sum: number;
  count: number;
}

const seriesOf = (metric: JsonMetric): ReadonlyArray<Series> => {
  const all = new Map<string, Series>();
  for (const sample of metric.values ?? []) {
    const attributes = attributesOf(sample);
    const key = seriesKey(attributes);
    const series = all.get(key) ?? { attributes, cumulative: [], sum: 0, count: 0 };
    all.set(key, series);
    if (sample.metricName?.endsWith("_bucket")) {
      series.cumulative.push([sample.labels["le"] === "+Inf" ? Infinity : Number(sample.labels["le"]), sample.value]);
    } else if (sample.metricName?.endsWith("_sum")) series.sum = sample.value;
    else if (sample.metricName?.endsWith("_count")) series.count = sample.value;
  }
  return [...all.values()];
};

const histogramPoint = (series: Series, times: Times): sdk.DataPoint<sdk.Histogram> => {
  const cumulative = series.cumulative.toSorted(([left], [right]) => left - right);
  return {
    ...times,
    attributes: series.attributes,
    value: {
      buckets: {
        boundaries: cumulative.map(([bound]) => bound).filter(Number.isFinite),
        counts: cumulative.map(([, count], index) => count - (cumulative[index - 1]?.[1] ?? 0)),
      },
      sum: series.sum,
      count: series.count,
    },
  };
};

/** `undefined` for summaries, which have no counterpart. */
const convert = (metric: JsonMetric, times: Times): sdk.MetricData | undefined => {
  const spec = specs.get(metric.name);
  const shared = {
    descriptor: {
      name: spec?.name ?? metric.name,
      description: metric.help,
      unit: spec?.unit ?? "",
      valueType: ValueType.DOUBLE,
    },
    aggregationTemporality: sdk.AggregationTemporality.CUMULATIVE,
  };
  const points = (): Array<sdk.DataPoint<number>> =>
    (metric.values ?? []).map((sample) => ({ ...times, attributes: attributesOf(sample), value: sample.value }));
  switch (metric.type) {
    case "counter":
      return { ...shared, dataPointType: sdk.DataPointType.SUM, isMonotonic: true, dataPoints: points() };
    case "gauge":
      return { ...shared, dataPointType: sdk.DataPointType.GAUGE, dataPoints: points() };
    case "histogram":
      return {
        ...shared,
        dataPointType: sdk.DataPointType.HISTOGRAM,
        dataPoints: seriesOf(metric).map((series) => histogramPoint(series, times)),
      };
    default:
      return undefined;
  }
};

/**
 * Gives a metric reader what a Prometheus registry holds, with the units of the catalogue. Counters and histograms are
 * cumulative from the start of the process. Summaries and exemplars, which the OpenTelemetry SDK does not have, are left out.
 *
 * @example
 * ```ts
 * new PeriodicExportingMetricReader({ exporter, metricProducers: [new FirelightMetricProducer(registry)] });
 * ```
 */
export class FirelightMetricProducer implements sdk.MetricProducer {
  readonly #registry: ReadableRegistry;

  /** @throws {ConfigError} when it is given no registry. */
  constructor(registry: ReadableRegistry) {
    this.#registry = readOption(registryCheck, registry, "FirelightMetricProducer", "registry");
  }

  async collect(): Promise<sdk.CollectionResult> {
    const resource = resources.emptyResource();
    try {
      const json = (await this.#registry.getMetricsAsJSON()) as ReadonlyArray<JsonMetric>;
      const startMs = performance.timeOrigin;
      const times = { startTime: hrTime(startMs), endTime: hrTime(Math.max(startMs, Date.now())) };
      const metrics = json.map((metric) => convert(metric, times)).filter((metric) => metric !== undefined);
      return { resourceMetrics: { resource, scopeMetrics: [{ scope: { name: "firelight" }, metrics }] }, errors: [] };
    } catch (error) {
      return { resourceMetrics: { resource, scopeMetrics: [] }, errors: [error] };
    }
  }
}
