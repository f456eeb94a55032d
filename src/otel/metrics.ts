/**
 * Converts the metrics of a Prometheus registry into OpenTelemetry metrics at collection time. Each instrument exists
 * once, whether it is scraped or pushed.
 */
import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import { having, oneOf } from "../contract/validation/option-checks.ts";
import { object, readOption } from "../contract/validation/option-schema.ts";
import { metrics as catalog, type MetricSpec } from "../telemetry/catalog.ts";
import {
  aggregationTemporalities,
  type CollectionResult,
  dataPointTypes,
  emptyResource,
  type HistogramValue,
  type MetricData,
} from "./metric-data.ts";
import { SeriesMemory } from "./series-memory.ts";

/** A sample in the JSON of both Prometheus clients. */
interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly metricName?: string;
}

/** A metric in the JSON of both Prometheus clients. */
interface JsonMetric {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly values?: ReadonlyArray<Sample>;
}

/** The parts of a prom-client or @prometheus-io/client registry that are used here. */
export interface ReadableRegistry {
  /** All metrics, as JSON. */
  getMetricsAsJSON(): Promise<ReadonlyArray<unknown>>;
}

const registryCheck = having<ReadableRegistry>("a registry of prom-client or @prometheus-io/client", [
  "getMetricsAsJSON",
]);

/** Options of {@link FirelightMetricProducer}. */
export interface MetricProducerOptions {
  /**
   * Temporality of counters and histograms: `cumulative`, from the start of the process, or `delta`, from the
   * previous collection. With `delta`, give each reader its own producer. Default: `cumulative`.
   */
  readonly temporality?: "cumulative" | "delta";
}

const optionsSchema = object<MetricProducerOptions>({ temporality: oneOf(["cumulative", "delta"]) });

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

const seriesOf = (metric: JsonMetric): ReadonlyMap<string, Series> => {
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
  return all;
};

const histogramValue = (series: Series): HistogramValue => {
  const cumulative = series.cumulative.toSorted(([left], [right]) => left - right);
  return {
    buckets: {
      boundaries: cumulative.map(([bound]) => bound).filter(Number.isFinite),
      counts: cumulative.map(([, count], index) => count - (cumulative[index - 1]?.[1] ?? 0)),
    },
    sum: series.sum,
    count: series.count,
  };
};

const descriptorOf = (metric: JsonMetric): MetricData["descriptor"] => {
  const spec = specs.get(metric.name);
  return {
    name: spec?.name ?? metric.name,
    description: metric.help,
    unit: spec?.unit ?? "",
    valueType: ValueType.DOUBLE,
  };
};

/**
 * Gives a metric reader what a Prometheus registry holds, with the units of the catalog. Counters and histograms are
 * counted from the start of the process, or since the registry was last reset. Summaries and exemplars, which the
 * OpenTelemetry SDK does not have, are left out.
 *
 * @example
 * ```ts
 * new PeriodicExportingMetricReader({ exporter, metricProducers: [new FirelightMetricProducer(registry)] });
 * ```
 */
export class FirelightMetricProducer {
  readonly #registry: ReadableRegistry;
  readonly #temporality: "cumulative" | "delta";
  readonly #memory: SeriesMemory;

  /**
   * @param registry the registry to read
   * @param options temporality
   * @throws {ConfigError} when it is given no registry, or an option that cannot work.
   */
  constructor(registry: ReadableRegistry, options: MetricProducerOptions = {}) {
    this.#registry = readOption(registryCheck, registry, "FirelightMetricProducer", "registry");
    this.#temporality = readOption(optionsSchema, options, "FirelightMetricProducer").temporality ?? "cumulative";
    this.#memory = new SeriesMemory(this.#temporality, hrTime(performance.timeOrigin));
  }

  /** Reads the registry. Errors are in `errors` of the result. */
  async collect(): Promise<CollectionResult> {
    try {
      const json = (await this.#registry.getMetricsAsJSON()) as ReadonlyArray<JsonMetric>;
      const now = hrTime(Math.max(performance.timeOrigin, Date.now()));
      const metrics = json.map((metric) => this.#convert(metric, now)).filter((metric) => metric !== undefined);
      this.#memory.collected(now);
      return {
        resourceMetrics: { resource: emptyResource, scopeMetrics: [{ scope: { name: "firelight" }, metrics }] },
        errors: [],
      };
    } catch (error) {
      return { resourceMetrics: { resource: emptyResource, scopeMetrics: [] }, errors: [error] };
    }
  }

  /** `undefined` for summaries, which have no counterpart. */
  #convert(metric: JsonMetric, now: HrTime): MetricData | undefined {
    const shared = {
      descriptor: descriptorOf(metric),
      aggregationTemporality: aggregationTemporalities[this.#temporality],
    };
    switch (metric.type) {
      case "counter": {
        const dataPoints = (metric.values ?? []).flatMap((sample) => {
          const attributes = attributesOf(sample);
          return this.#memory.counter(metric.name + seriesKey(attributes), attributes, sample.value, now);
        });
        return { ...shared, dataPointType: dataPointTypes.sum, isMonotonic: true, dataPoints };
      }
      case "gauge": {
        const dataPoints = (metric.values ?? []).map((sample) => ({
          startTime: now,
          endTime: now,
          attributes: attributesOf(sample),
          value: sample.value,
        }));
        return { ...shared, dataPointType: dataPointTypes.gauge, dataPoints };
      }
      case "histogram": {
        const dataPoints = [...seriesOf(metric)].flatMap(([key, series]) =>
          this.#memory.histogram(metric.name + key, series.attributes, histogramValue(series), now),
        );
        return { ...shared, dataPointType: dataPointTypes.histogram, dataPoints };
      }
      default:
        return undefined;
    }
  }
}
