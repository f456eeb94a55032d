/** Builds the pipeline of each signal with the exporters in `OTEL_<SIGNAL>_EXPORTER`. */
import type { LogRecordProcessor } from "@opentelemetry/sdk-logs";
import type { MetricReader, PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { batchSettings, exportersOf, number, temporality, text } from "./environment.ts";
import type { ExitFlush } from "./exit-flush.ts";
import { bounded, logExporters, metricExporters, type OtlpTarget, traceExporters } from "./exporters.ts";
import { FirelightMetricProducer, type ReadableRegistry } from "./metrics.ts";
import type { Sdk } from "./packages.ts";
import { CountingSpanProcessor } from "./span-count.ts";

/** The inputs of the pipelines. */
export interface PipelineOptions {
  readonly sdk: Sdk;
  readonly target: OtlpTarget;
  readonly flush: ExitFlush;
  /** Maximum time of one export, in milliseconds. */
  readonly timeoutMs: number;
}

/** Creates the span processors, and the one that counts Firelight's own spans. */
export const spanPipeline = ({
  sdk,
  target,
  flush,
  timeoutMs,
}: PipelineOptions): {
  readonly processors: Array<SpanProcessor>;
  readonly counting: CountingSpanProcessor | undefined;
} => {
  let counting: CountingSpanProcessor | undefined;
  const processors = exportersOf("TRACES").map((name): SpanProcessor => {
    if (name === "console") return new sdk.trace.SimpleSpanProcessor({ exporter: new sdk.trace.ConsoleSpanExporter() });
    return (counting = new CountingSpanProcessor(sdk.trace, bounded(traceExporters(target), timeoutMs, flush)));
  });
  return { processors, counting };
};

/** Creates the log record processors. */
export const logPipeline = ({ sdk, target, flush, timeoutMs }: PipelineOptions): Array<LogRecordProcessor> =>
  exportersOf("LOGS").map((name) =>
    name === "console"
      ? new sdk.logs.SimpleLogRecordProcessor({ exporter: new sdk.logs.ConsoleLogRecordExporter() })
      : new sdk.logs.BatchLogRecordProcessor({
          ...batchSettings("BLRP"),
          exporter: bounded(logExporters(target), timeoutMs, flush),
        }),
  );

/** An exporter that also determines the temporality of the SDK's instruments. */
const boundedMetrics = ({ target, flush, timeoutMs }: PipelineOptions): PushMetricExporter => {
  const make = metricExporters(target);
  const model = make(timeoutMs);
  const { selectAggregation, selectAggregationTemporality } = model;
  return {
    ...bounded(make, timeoutMs, flush),
    ...(selectAggregation && { selectAggregation: selectAggregation.bind(model) }),
    ...(selectAggregationTemporality && { selectAggregationTemporality: selectAggregationTemporality.bind(model) }),
  };
};

/**
 * Creates the metric readers: of the registry, if there is one, and of instruments created with OpenTelemetry's API.
 * Without a registry there are none unless the variable requests them.
 */
export const metricPipeline = (
  options: PipelineOptions,
  registry: ReadableRegistry | undefined,
  intervalMs: number | undefined,
): Array<MetricReader> => {
  const names = exportersOf("METRICS", registry === undefined ? [] : ["otlp"]);
  const interval = intervalMs ?? number(["OTEL_METRIC_EXPORT_INTERVAL"], 1) ?? 60_000;
  const timeout = Math.min(interval, number(["OTEL_METRIC_EXPORT_TIMEOUT"], 1) ?? 30_000);
  const { ConsoleMetricExporter, PeriodicExportingMetricReader } = options.sdk.metrics;
  return names.map((name) => {
    const isConsole = name === "console";
    return new PeriodicExportingMetricReader({
      exporter: isConsole ? new ConsoleMetricExporter() : boundedMetrics(options),
      exportIntervalMillis: interval,
      exportTimeoutMillis: timeout,
      metricProducers:
        registry === undefined
          ? []
          : [new FirelightMetricProducer(registry, { temporality: isConsole ? "cumulative" : temporality() })],
    });
  });
};

const logLevels = ["NONE", "ERROR", "WARN", "INFO", "DEBUG", "VERBOSE", "ALL"] as const;

/** Applies `OTEL_LOG_LEVEL`, the level of OpenTelemetry's own console messages; off unless set. */
export const diagnosticLevel = (): (typeof logLevels)[number] | undefined => {
  const level = text("OTEL_LOG_LEVEL")?.toUpperCase();
  return logLevels.find((known) => known === level);
};
