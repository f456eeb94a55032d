/**
 * The OTLP/HTTP exporters of all three signals, in the encoding that is asked for.
 * JSON is for receivers without protobuf, and for people who want to read along; its
 * packages are loaded only then.
 */
import { createRequire } from "node:module";
import type * as logsJson from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import type * as metricsJson from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import type * as traceJson from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { logs, metrics, tracing } from "@opentelemetry/sdk-node";
import { ConfigError } from "../contract/errors.ts";

/** An encoding of OTLP over HTTP, by its name in `OTEL_EXPORTER_OTLP_PROTOCOL`. */
export type OtlpProtocol = "http/protobuf" | "http/json";

/** Where telemetry goes and how; what is left out comes from the `OTEL_EXPORTER_OTLP_*` variables. */
export interface OtlpTarget {
  readonly endpoint?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly protocol?: OtlpProtocol | undefined;
}

type Signal = "traces" | "metrics" | "logs";

const isProtocol = (value: string): value is OtlpProtocol => value === "http/protobuf" || value === "http/json";

/** As the specification wants it, a value that is not supported is reported and then taken for none. */
const protocolOf = (signal: Signal, { protocol }: OtlpTarget): OtlpProtocol => {
  if (protocol !== undefined) return protocol;
  for (const name of [`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_PROTOCOL`, "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
    const value = process.env[name]?.trim();
    if (value === undefined || value === "") continue;
    if (isProtocol(value)) return value;
    console.warn(
      `firelight: ${name} is "${value}", and startOpenTelemetry speaks "http/protobuf" and "http/json" alone. It sends http/protobuf; point the endpoint at the receiver's HTTP port, usually 4318.`,
    );
    break;
  }
  return "http/protobuf";
};

const configOf = (signal: Signal, { endpoint, headers }: OtlpTarget) => ({
  ...(endpoint === undefined ? undefined : { url: `${endpoint.replace(/\/+$/, "")}/v1/${signal}` }),
  ...(headers === undefined ? undefined : { headers: { ...headers } }),
});

interface JsonPackages {
  readonly traces: typeof traceJson;
  readonly metrics: typeof metricsJson;
  readonly logs: typeof logsJson;
}

const jsonPackages: Readonly<Record<Signal, string>> = {
  traces: "@opentelemetry/exporter-trace-otlp-http",
  metrics: "@opentelemetry/exporter-metrics-otlp-http",
  logs: "@opentelemetry/exporter-logs-otlp-http",
};

/** The package of a signal when JSON is wanted, else `undefined`. */
const json = <S extends Signal>(signal: S, target: OtlpTarget): JsonPackages[S] | undefined => {
  if (protocolOf(signal, target) !== "http/json") return undefined;
  const name = jsonPackages[signal];
  try {
    return createRequire(import.meta.url)(name) as JsonPackages[S];
  } catch (cause) {
    throw new ConfigError(
      `OTLP in JSON needs the package ${name}, which could not be loaded. Install it, or use http/protobuf.`,
      { cause },
    );
  }
};

/** @throws {ConfigError} when JSON is wanted and its package is not installed; so do the others. */
export const traceExporter = (target: OtlpTarget): tracing.SpanExporter =>
  new (json("traces", target)?.OTLPTraceExporter ?? OTLPTraceExporter)(configOf("traces", target));

export const metricExporter = (target: OtlpTarget): metrics.PushMetricExporter =>
  new (json("metrics", target)?.OTLPMetricExporter ?? OTLPMetricExporter)(configOf("metrics", target));

export const logExporter = (target: OtlpTarget): logs.LogRecordExporter =>
  new (json("logs", target)?.OTLPLogExporter ?? OTLPLogExporter)(configOf("logs", target));
