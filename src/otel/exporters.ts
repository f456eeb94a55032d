/**
 * Creates the OTLP/HTTP exporters of all three signals in the configured encoding. No export takes longer than the
 * flush at the end of the process. Only the packages of the configured encoding are loaded.
 */
import type * as LogsProto from "@opentelemetry/exporter-logs-otlp-proto";
import type * as MetricsProto from "@opentelemetry/exporter-metrics-otlp-proto";
import type * as TracesProto from "@opentelemetry/exporter-trace-otlp-proto";
import type { ExportResult } from "@opentelemetry/core";
import type { LogRecordExporter } from "@opentelemetry/sdk-logs";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import { number, report, text } from "./environment.ts";
import type { ExitFlush } from "./exit-flush.ts";
import { loadRequired } from "./packages.ts";

/** An encoding of OTLP/HTTP, named as in `OTEL_EXPORTER_OTLP_PROTOCOL`. */
export type OtlpProtocol = "http/protobuf" | "http/json";

/** The destination of telemetry. Omitted fields come from the `OTEL_EXPORTER_OTLP_*` variables. */
export interface OtlpTarget {
  readonly endpoint?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly protocol?: OtlpProtocol | undefined;
}

type Signal = "traces" | "metrics" | "logs";

const isProtocol = (value: string): value is OtlpProtocol => value === "http/protobuf" || value === "http/json";

const variablesOf = (signal: Signal, setting: string): ReadonlyArray<string> => [
  `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${setting}`,
  `OTEL_EXPORTER_OTLP_${setting}`,
];

/** As the specification requires, an unsupported value is reported and ignored. */
const protocolOf = (signal: Signal, { protocol }: OtlpTarget): OtlpProtocol => {
  if (protocol !== undefined) return protocol;
  const name = variablesOf(signal, "PROTOCOL").find((one) => text(one) !== undefined);
  const value = name === undefined ? undefined : text(name);
  if (name === undefined || value === undefined) return "http/protobuf";
  if (isProtocol(value)) return value;
  report(
    name,
    `"http/protobuf" or "http/json"; startOpenTelemetry sends http/protobuf. Point the endpoint at the receiver's HTTP port, usually 4318`,
  );
  return "http/protobuf";
};

const standardTimeoutMs = 10_000;

interface ExporterPackages {
  readonly traces: typeof TracesProto;
  readonly metrics: typeof MetricsProto;
  readonly logs: typeof LogsProto;
}

const packageNames: Readonly<Record<Signal, string>> = {
  traces: "@opentelemetry/exporter-trace-otlp",
  metrics: "@opentelemetry/exporter-metrics-otlp",
  logs: "@opentelemetry/exporter-logs-otlp",
};

/** Loads the package of a signal and encoding. Both encodings have the same classes. */
const packageOf = <S extends Signal>(signal: S, target: OtlpTarget): ExporterPackages[S] => {
  const encoding = protocolOf(signal, target) === "http/json" ? "http" : "proto";
  return loadRequired(`${packageNames[signal]}-${encoding}`) as ExporterPackages[S];
};

/** Returns the configuration of an exporter. Its timeout comes from the variables, capped by the given maximum. */
const configsOf = (signal: Signal, { endpoint, headers }: OtlpTarget) => {
  const timeoutMs = number(variablesOf(signal, "TIMEOUT"), 1) ?? standardTimeoutMs;
  const target = {
    ...(endpoint === undefined ? undefined : { url: `${endpoint.replace(/\/+$/, "")}/v1/${signal}` }),
    ...(headers === undefined ? undefined : { headers: { ...headers } }),
  };
  return (maxTimeoutMs: number) => ({ ...target, timeoutMillis: Math.max(1, Math.min(timeoutMs, maxTimeoutMs)) });
};

/** Creates an exporter whose exports, including retries, are limited to the given time. */
export type MakeExporter<Exporter> = (maxTimeoutMs: number) => Exporter;

/** @throws {ConfigError} if the package of the encoding is not installed; so do the other factories */
export const traceExporters = (target: OtlpTarget): MakeExporter<SpanExporter> => {
  const { OTLPTraceExporter } = packageOf("traces", target);
  const configOf = configsOf("traces", target);
  return (maxTimeoutMs) => new OTLPTraceExporter(configOf(maxTimeoutMs));
};

export const metricExporters = (target: OtlpTarget): MakeExporter<PushMetricExporter> => {
  const { OTLPMetricExporter } = packageOf("metrics", target);
  const configOf = configsOf("metrics", target);
  return (maxTimeoutMs) => new OTLPMetricExporter(configOf(maxTimeoutMs));
};

export const logExporters = (target: OtlpTarget): MakeExporter<LogRecordExporter> => {
  const { OTLPLogExporter } = packageOf("logs", target);
  const configOf = configsOf("logs", target);
  return (maxTimeoutMs) => new OTLPLogExporter(configOf(maxTimeoutMs));
};

/** The SDK's `ExportResultCode.FAILED`. */
const failed: number = 1;

interface AnyExporter<Items> {
  export(items: Items, done: (result: ExportResult) => void): void;
  shutdown(): Promise<void>;
  forceFlush?(): Promise<void>;
}

/** An exporter whose exports are bounded by the flush at the end of the process. */
interface BoundedExporter<Items> {
  export(items: Items, done: (result: ExportResult) => void): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/**
 * Wraps an exporter. During a flush at the end of the process, each export gets the remaining time, and fails at once
 * if there is none.
 */
export const bounded = <Items>(
  make: MakeExporter<AnyExporter<Items>>,
  timeoutMs: number,
  flush: ExitFlush,
): BoundedExporter<Items> => {
  const standard = make(timeoutMs);
  return {
    export: (items, done) => {
      const { remainingMs } = flush;
      if (remainingMs !== undefined && remainingMs < 1) {
        done({
          code: failed,
          error: new Error("the time limit for sending telemetry at the end of the process has passed"),
        });
        return;
      }
      const exporter = remainingMs === undefined ? standard : make(remainingMs);
      exporter.export(items, (result) => {
        flush.noteExport((result.code as number) !== failed);
        done(result);
      });
    },
    forceFlush: async () => standard.forceFlush?.(),
    shutdown: () => standard.shutdown(),
  };
};
