/** A logger whose records go to the OpenTelemetry logs pipeline, each in the trace it belongs to. */
import { ROOT_CONTEXT, TraceFlags, trace } from "@opentelemetry/api";
import type { LogAttributes } from "@opentelemetry/api-logs";
import { SeverityNumber, logs } from "@opentelemetry/api-logs";
import type { Logger } from "../contract/options.ts";
import { valueText } from "../contract/thrown.ts";
import { attributes } from "../telemetry/catalog.ts";

const severities = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
} as const;

const attributeOf = (value: unknown): LogAttributes[string] =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : valueText(value);

/** A logger over whatever OpenTelemetry logger provider is registered when it is made. */
export const makeOtelLogger = (): Logger => {
  const target = logs.getLogger("firelight");
  const emit = (level: keyof typeof severities, message: string, meta: Record<string, unknown> = {}): void => {
    const {
      [attributes.traceId.name]: traceId,
      [attributes.spanId.name]: spanId,
      [attributes.eventName.name]: eventName,
      ...rest
    } = meta;
    const inTrace = typeof traceId === "string" && typeof spanId === "string";
    target.emit({
      severityNumber: severities[level],
      severityText: level.toUpperCase(),
      body: message,
      attributes: Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, attributeOf(value)])),
      ...(typeof eventName === "string" ? { eventName } : undefined),
      ...(inTrace
        ? { context: trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED }) }
        : undefined),
    });
  };
  return {
    debug: (message, meta) => emit("debug", message, meta),
    info: (message, meta) => emit("info", message, meta),
    warn: (message, meta) => emit("warn", message, meta),
    error: (message, meta) => emit("error", message, meta),
  };
};
