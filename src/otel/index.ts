/**
 * OpenTelemetry in one call: traces, log records and, on request, metrics over OTLP. Nothing happens on import.
 *
 * @module
 */
import "../contract/process/runtime-check.ts";
import {
  context,
  diag,
  DiagConsoleLogger,
  DiagLogLevel,
  metrics as metricsApi,
  propagation,
  trace,
} from "@opentelemetry/api";
import { maxTimerMs, milliseconds } from "../contract/validation/check-number.ts";
import { onFlush } from "../contract/process/flush.ts";
import { oneOf, text } from "../contract/validation/option-checks.ts";
import { object, readOption } from "../contract/validation/option-schema.ts";
import type { Logger } from "../contract/config/options.ts";
import { processWide } from "../contract/process/copies.ts";
import { tellSpanExport } from "../contract/wire/span-export.ts";
import { exportLogs } from "../telemetry/logs.ts";
import { isDisabled, logRecordLimits, spanLimits } from "./environment.ts";
import { ExitFlush } from "./exit-flush.ts";
import { onProcessEnd } from "./exit-hooks.ts";
import type { OtlpProtocol } from "./exporters.ts";
import { makeOtelLogger } from "./logger.ts";
import type { ReadableRegistry } from "./metrics.ts";
import {
  attributes,
  endpoint,
  headers,
  type Instrumentation,
  instrumentations,
  metricsSource,
} from "./option-checks.ts";
import { loadSdk, type Sdk } from "./packages.ts";
import { diagnosticLevel, logPipeline, metricPipeline, spanPipeline } from "./pipelines.ts";
import { propagatorFromEnvironment } from "./propagator.ts";
import { makeResource } from "./resource.ts";
import { samplerFromEnvironment } from "./sampler.ts";

export type { OtlpProtocol } from "./exporters.ts";
export type {
  CollectionResult,
  DataPoint,
  EmptyResource,
  HistogramValue,
  MetricBase,
  MetricData,
  Times,
} from "./metric-data.ts";
export type { MetricProducerOptions, ReadableRegistry } from "./metrics.ts";
export type { Instrumentation } from "./option-checks.ts";
export { FirelightMetricProducer } from "./metrics.ts";

/** Options of {@link startOpenTelemetry}. The standard `OTEL_*` variables apply to options that are left out. */
export interface OpenTelemetryOptions {
  /** The `service.name` of the resource. Default: `OTEL_SERVICE_NAME`. */
  readonly serviceName?: string;
  /** Base URL of an OTLP/HTTP receiver. Default: `OTEL_EXPORTER_OTLP_ENDPOINT`, else `http://localhost:4318`. */
  readonly endpoint?: string;
  /** Headers of every export, such as an API key. Default: `OTEL_EXPORTER_OTLP_HEADERS`. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The encoding. JSON needs the packages `@opentelemetry/exporter-{trace,logs,metrics}-otlp-http`. Default:
   * `OTEL_EXPORTER_OTLP_PROTOCOL`, otherwise `http/protobuf`.
   */
  readonly protocol?: OtlpProtocol;
  /**
   * Pushes the metrics of a registry, or of an object with one, to the exporters of `OTEL_METRICS_EXPORTER`. Do not
   * scrape it as well, or everything counts twice. Default: none.
   */
  readonly metrics?:
    | ReadableRegistry
    | {
        /** The registry. */
        readonly registry: unknown;
      };
  /** Time between two pushes of metrics, in milliseconds. Default: `OTEL_METRIC_EXPORT_INTERVAL`, otherwise 60,000. */
  readonly metricsIntervalMs?: number;
  /** Further resource attributes. Default: none. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** Instrumentations to register, such as `getNodeAutoInstrumentations()`. Default: none. */
  readonly instrumentations?: ReadonlyArray<Instrumentation | ReadonlyArray<Instrumentation>>;
  /**
   * Maximum time to send buffered data at the end of the process, in milliseconds. Also the maximum time of one
   * export, whatever `OTEL_EXPORTER_OTLP_TIMEOUT` says. Default: 5,000.
   *
   * @throws {ConfigError} if it is below 1.
   */
  readonly flushTimeoutMs?: number;
}

const schema = object<OpenTelemetryOptions>({
  serviceName: text(),
  endpoint,
  headers,
  protocol: oneOf(["http/protobuf", "http/json"]),
  metrics: metricsSource,
  metricsIntervalMs: milliseconds({ min: 1, max: maxTimerMs }),
  attributes,
  instrumentations,
  flushTimeoutMs: milliseconds({ min: 1, max: maxTimerMs }),
});

/** A running OpenTelemetry SDK. */
export interface OtelHandle {
  /**
   * Sends log records over OTLP. Firelight's own records use it already; set it as `logger` of an instance to send
   * those of handlers too.
   */
  readonly logger: Logger;
  /** Sends buffered data. Rejects if that fails. */
  flush(): Promise<void>;
  /** Sends buffered data within `flushTimeoutMs`, stops the SDK and unregisters it. */
  shutdown(): Promise<void>;
}

const registryOf = (metrics: NonNullable<OpenTelemetryOptions["metrics"]>): ReadableRegistry =>
  "getMetricsAsJSON" in metrics ? metrics : (metrics.registry as ReadableRegistry);

const register = (instrumentations: NonNullable<OpenTelemetryOptions["instrumentations"]>, sdk: Sdk): void => {
  for (const instrumentation of instrumentations.flat() as ReadonlyArray<Instrumentation>) {
    instrumentation.setTracerProvider(trace.getTracerProvider());
    instrumentation.setMeterProvider(metricsApi.getMeterProvider());
    instrumentation.setLoggerProvider?.(sdk.logsGlobal.getLoggerProvider() as never);
    if (instrumentation.getConfig?.().enabled !== true) instrumentation.enable();
  }
};

/** A provider of the SDK. */
interface Provider {
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/**
 * The running instance, shared by all copies of this package: one may be in a bundle, another loaded with `--import`.
 */
const started = processWide("otel", (): { running?: OtelHandle | undefined } => ({}));

const nothing = async (): Promise<void> => {};
const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * Registers an OpenTelemetry SDK for the whole process: traces and log records over OTLP/HTTP, W3C propagation, and a
 * context manager on `AsyncLocalStorage`. On a runner, the resource names the runner. Buffers are flushed before the
 * process ends by itself, by SIGTERM or by SIGINT, by `flame.shutdown` and when a runner drains. While it runs,
 * further calls return the same handle and ignore their options. With `OTEL_SDK_DISABLED=true`, it does nothing.
 *
 * @param given options; the `OTEL_*` variables apply to the rest
 * @throws {ConfigError} if an OpenTelemetry package is missing, or an option is invalid.
 *
 * @example
 * ```ts
 * import { startOpenTelemetry } from "firelight/otel";
 *
 * const otel = startOpenTelemetry({ serviceName: "shop" });
 * ```
 */
export const startOpenTelemetry = (given: OpenTelemetryOptions = {}): OtelHandle => {
  const options = readOption(schema, given, "startOpenTelemetry");
  if (started.running !== undefined) return started.running;
  const { flushTimeoutMs = 5_000 } = options;
  if (isDisabled()) return { logger: silent, flush: nothing, shutdown: nothing };
  const sdk = loadSdk();
  const level = diagnosticLevel();
  if (level !== undefined) diag.setLogger(new DiagConsoleLogger(), { logLevel: DiagLogLevel[level] });

  const providers: Array<Provider> = [];
  const flush = async (): Promise<void> => {
    await Promise.all(providers.map((provider) => provider.forceFlush()));
  };
  const exitFlush = new ExitFlush(flush, flushTimeoutMs);
  const pipeline = { sdk, target: options, flush: exitFlush, timeoutMs: flushTimeoutMs };
  const resource = makeResource(sdk, options);
  const { processors, counting } = spanPipeline(pipeline);
  const logProcessors = logPipeline(pipeline);
  const readers = metricPipeline(pipeline, options.metrics && registryOf(options.metrics), options.metricsIntervalMs);

  context.setGlobalContextManager(new sdk.contextManager.AsyncLocalStorageContextManager().enable());
  const propagator = propagatorFromEnvironment(sdk);
  if (propagator !== undefined) propagation.setGlobalPropagator(propagator);
  let logger = silent;
  const stops: Array<() => void> = [];
  if (processors.length > 0) {
    const sampler = samplerFromEnvironment(sdk);
    const provider = new sdk.trace.TracerProvider({
      resource,
      spanProcessors: processors,
      spanLimits: spanLimits(),
      ...(sampler && { sampler }),
    });
    trace.setGlobalTracerProvider(provider);
    providers.push(provider);
    if (counting !== undefined) stops.push(tellSpanExport(() => counting.count));
  }
  if (logProcessors.length > 0) {
    const provider = new sdk.logs.LoggerProvider({
      resource,
      processors: logProcessors,
      logRecordLimits: logRecordLimits(),
    });
    sdk.logsGlobal.setGlobalLoggerProvider(provider);
    providers.push(provider);
    logger = makeOtelLogger(provider.getLogger("firelight"));
    stops.push(exportLogs(logger));
  }
  if (readers.length > 0) {
    const provider = new sdk.metrics.MeterProvider({ resource, readers });
    metricsApi.setGlobalMeterProvider(provider);
    providers.push(provider);
  }
  register(options.instrumentations ?? [], sdk);
  stops.push(
    onFlush(() => exitFlush.run(), { timeoutMs: Infinity }),
    onProcessEnd(exitFlush),
  );

  const handle: OtelHandle = {
    logger,
    flush,
    shutdown: async () => {
      started.running = undefined;
      for (const stop of stops) stop();
      try {
        await exitFlush.run(() => Promise.all(providers.map((provider) => provider.shutdown())));
      } finally {
        for (const api of [trace, context, propagation, metricsApi, sdk.logsGlobal]) api.disable();
      }
    },
  };
  started.running = handle;
  return handle;
};
