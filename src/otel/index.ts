/**
 * OpenTelemetry in one call, for those who have not set it up themselves: traces,
 * log records and, on request, metrics over OTLP. Nothing happens on import.
 */
import { context, metrics as metricsApi, propagation, trace } from "@opentelemetry/api";
import type { ProxyTracerProvider } from "@opentelemetry/api";
import { logs as logsApi } from "@opentelemetry/api-logs";
import type { NodeSDKConfiguration } from "@opentelemetry/sdk-node";
import { NodeSDK, logs, metrics, resources } from "@opentelemetry/sdk-node";
import { longestTimerMs, milliseconds } from "../contract/check-number.ts";
import { onFlush } from "../contract/flush.ts";
import { oneOf, text } from "../contract/option-checks.ts";
import { object, readOption } from "../contract/option-schema.ts";
import type { Logger } from "../contract/options.ts";
import { tellSpanExport } from "../contract/span-export.ts";
import { exportLogs } from "../telemetry/logs.ts";
import type { OtlpProtocol } from "./exporters.ts";
import { logExporter, metricExporter, traceExporter } from "./exporters.ts";
import { makeOtelLogger } from "./logger.ts";
import type { ReadableRegistry } from "./metrics.ts";
import { FirelightMetricProducer } from "./metrics.ts";
import { attributes, endpoint, headers, instrumentations, metricsSource } from "./option-checks.ts";
import { CountingSpanProcessor } from "./span-count.ts";

export type { OtlpProtocol } from "./exporters.ts";
export type { ReadableRegistry } from "./metrics.ts";
export { FirelightMetricProducer } from "./metrics.ts";

/** What {@link startOpenTelemetry} may be told. The standard `OTEL_*` variables hold wherever an option is left out. */
export interface OpenTelemetryOptions {
  /** Default: `OTEL_SERVICE_NAME`. */
  readonly serviceName?: string;
  /** Base URL of an OTLP/HTTP receiver. Default: `OTEL_EXPORTER_OTLP_ENDPOINT`, else `http://localhost:4318`. */
  readonly endpoint?: string;
  /** Headers of every export, such as an API key. Default: `OTEL_EXPORTER_OTLP_HEADERS`. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The encoding. JSON needs the packages `@opentelemetry/exporter-{trace,logs,metrics}-otlp-http`.
   * Default: `OTEL_EXPORTER_OTLP_PROTOCOL`, else `http/protobuf`.
   */
  readonly protocol?: OtlpProtocol;
  /**
   * Pushes the metrics of a registry, or of something that has one. Do not also scrape it: they would count twice.
   * Default: none is pushed.
   */
  readonly metrics?: ReadableRegistry | { readonly registry: unknown };
  /** Milliseconds between two pushes of metrics. Default: `OTEL_METRIC_EXPORT_INTERVAL`, else 60 000. */
  readonly metricsIntervalMs?: number;
  /** More resource attributes. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** Instrumentations to register, such as `getNodeAutoInstrumentations()`. */
  readonly instrumentations?: NodeSDKConfiguration["instrumentations"];
  /** Milliseconds that a flush at the end of the process may take. Default 5000. */
  readonly flushTimeoutMs?: number;
}

const schema = object<OpenTelemetryOptions>({
  serviceName: text(),
  endpoint,
  headers,
  protocol: oneOf(["http/protobuf", "http/json"]),
  metrics: metricsSource,
  metricsIntervalMs: milliseconds({ min: 1, max: longestTimerMs }),
  attributes,
  instrumentations,
  flushTimeoutMs: milliseconds({ min: 0, max: longestTimerMs }),
});

/** OpenTelemetry while it runs. */
export interface OtelHandle {
  /** Sends log records over OTLP. Firelight's own go there anyway; as `logger` of an instance, those of handlers do too. */
  readonly logger: Logger;
  /** Sends what is buffered. Rejects when it could not be sent. */
  flush(): Promise<void>;
  /** Sends what is buffered, stops, and leaves the process as it was. */
  shutdown(): Promise<void>;
}

interface Flushable {
  forceFlush?(): Promise<void>;
}

const environmentAttributes = {
  "service.instance.id": "FLAME_RUNNER_ID",
  "flame.pool.name": "FLAME_POOL",
  "flame.runner.backend": "FLAME_BACKEND",
} as const;

/** Comes after the variables: a runner inherits `OTEL_RESOURCE_ATTRIBUTES` from its parent, but not its identity. */
const flameDetector = (options: OpenTelemetryOptions): resources.ResourceDetector => ({
  detect: () => {
    const attributes: Record<string, string | number | boolean> = { "process.pid": process.pid, ...options.attributes };
    for (const [name, variable] of Object.entries(environmentAttributes)) {
      const value = process.env[variable];
      if (value !== undefined && value !== "") attributes[name] = value;
    }
    return { attributes };
  },
});

const registryOf = (source: NonNullable<OpenTelemetryOptions["metrics"]>): ReadableRegistry =>
  "getMetricsAsJSON" in source ? source : (source.registry as ReadableRegistry);

const environmentNumber = (name: string): number | undefined => {
  const value = Number(process.env[name]);
  return Number.isFinite(value) && value > 0 ? value : undefined;
};

const metricReader = (
  options: OpenTelemetryOptions,
  source: NonNullable<OpenTelemetryOptions["metrics"]>,
): metrics.PeriodicExportingMetricReader => {
  const interval = options.metricsIntervalMs ?? environmentNumber("OTEL_METRIC_EXPORT_INTERVAL") ?? 60_000;
  return new metrics.PeriodicExportingMetricReader({
    exporter: metricExporter(options),
    exportIntervalMillis: interval,
    exportTimeoutMillis: Math.min(interval, environmentNumber("OTEL_METRIC_EXPORT_TIMEOUT") ?? 30_000),
    metricProducers: [new FirelightMetricProducer(registryOf(source))],
  });
};

const isDisabled = (): boolean => process.env["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true";

const tracerProvider = (): Flushable => {
  const provider = trace.getTracerProvider();
  return ("getDelegate" in provider ? (provider as ProxyTracerProvider).getDelegate() : provider) as Flushable;
};

/** Flushes when the process is about to end by itself or is told to. Never ends it: that is for whoever else listens, or for the signal. */
const flushAtEnd = (flush: () => Promise<void>, timeoutMs: number): (() => void) => {
  const quietly = async (): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([
      flush().catch((error: unknown) => console.error("firelight: telemetry could not be sent and is lost", error)),
      expired,
    ]);
    clearTimeout(timer);
  };
  const onBeforeExit = (): void => void quietly();
  const onSigterm = async (): Promise<void> => {
    await quietly();
    if (process.listeners("SIGTERM").some((listener) => listener !== onSigterm)) return;
    process.off("SIGTERM", onSigterm);
    process.kill(process.pid, "SIGTERM");
  };
  process.once("beforeExit", onBeforeExit);
  process.on("SIGTERM", onSigterm);
  return () => {
    process.off("beforeExit", onBeforeExit);
    process.off("SIGTERM", onSigterm);
  };
};

let running: OtelHandle | undefined;

const nothing = async (): Promise<void> => {};

/**
 * Registers an OpenTelemetry SDK for the whole process: traces and log records over OTLP/HTTP, W3C
 * propagation, and a context manager on `AsyncLocalStorage`. On a runner, the resource names it. Buffers are flushed
 * before the process ends, by `flame.shutdown` and by a runner that drains. A second call while it runs gives the
 * same handle and ignores its options. With `OTEL_SDK_DISABLED=true` it does nothing.
 *
 * @throws {ConfigError} for an option that cannot work, and when JSON is asked for and its exporters are not installed.
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
  if (running !== undefined) return running;
  if (isDisabled()) return { logger: makeOtelLogger(), flush: nothing, shutdown: nothing };
  const spanProcessor = new CountingSpanProcessor(traceExporter(options));
  const logProcessor = new logs.BatchLogRecordProcessor({
    exporter: logExporter(options),
  });
  const reader = options.metrics === undefined ? undefined : metricReader(options, options.metrics);
  const sdk = new NodeSDK({
    spanProcessors: [spanProcessor],
    logRecordProcessors: [logProcessor],
    metricReaders: reader === undefined ? [] : [reader],
    resourceDetectors: [resources.envDetector, resources.hostDetector, flameDetector(options)],
    instrumentations: options.instrumentations ?? [],
    ...(options.serviceName === undefined ? undefined : { serviceName: options.serviceName }),
  });
  sdk.start();
  const spans = tracerProvider();

  const flush = async (): Promise<void> => {
    await Promise.all([spans.forceFlush?.(), logProcessor.forceFlush(), reader?.forceFlush()]);
  };
  const logger = makeOtelLogger();
  const stops = [
    exportLogs(logger),
    onFlush(flush),
    tellSpanExport(() => spanProcessor.count),
    flushAtEnd(flush, options.flushTimeoutMs ?? 5_000),
  ];

  running = {
    logger,
    flush,
    shutdown: async () => {
      running = undefined;
      for (const stop of stops) stop();
      try {
        await sdk.shutdown();
      } finally {
        for (const api of [trace, context, propagation, metricsApi, logsApi]) api.disable();
      }
    },
  };
  return running;
};
