/** A logger that writes to the OpenTelemetry logs pipeline, each record in its trace. */
import { type Context, ROOT_CONTEXT, trace, TraceFlags } from "@opentelemetry/api";
import type { LogAttributes, Logger as LogsTarget } from "@opentelemetry/api-logs";
import type { Logger } from "../contract/config/options.ts";
import { valueText } from "../contract/thrown.ts";
import { attributes, unsampledFlags } from "../telemetry/catalog.ts";

/** Severity numbers of OpenTelemetry's log data model. */
const severities = { debug: 5, info: 9, warn: 13, error: 17 } as const;

const attributeOf = (value: unknown): LogAttributes[string] =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : valueText(value);

/**
 * Returns the trace flags of a record: those of the active span if it is the record's span, otherwise sampled unless
 * the record says otherwise.
 */
const flagsOf = (traceFlags: unknown, spanId: string): number => {
  const active = trace.getActiveSpan()?.spanContext();
  if (active?.spanId === spanId) return active.traceFlags;
  return traceFlags === unsampledFlags ? TraceFlags.NONE : TraceFlags.SAMPLED;
};

/** Returns the context of the span that a record names; without one, the active context. */
const contextOf = (traceId: unknown, spanId: unknown, traceFlags: unknown): Context | undefined =>
  typeof traceId === "string" && typeof spanId === "string"
    ? trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flagsOf(traceFlags, spanId) })
    : undefined;

/** Creates a logger on top of an OpenTelemetry logger. */
export const makeOtelLogger = (target: Pick<LogsTarget, "emit">): Logger => {
  const emit = (level: keyof typeof severities, message: string, meta: Record<string, unknown> = {}): void => {
    const {
      [attributes.traceId.name]: traceId,
      [attributes.spanId.name]: spanId,
      [attributes.traceFlags.name]: traceFlags,
      [attributes.eventName.name]: eventName,
      ...rest
    } = meta;
    const context = contextOf(traceId, spanId, traceFlags);
    target.emit({
      severityNumber: severities[level],
      severityText: level.toUpperCase(),
      body: message,
      attributes: Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, attributeOf(value)])),
      ...(typeof eventName === "string" ? { eventName } : undefined),
      ...(context === undefined ? undefined : { context }),
    });
  };
  return {
    debug: (message, meta) => emit("debug", message, meta),
    info: (message, meta) => emit("info", message, meta),
    warn: (message, meta) => emit("warn", message, meta),
    error: (message, meta) => emit("error", message, meta),
  };
};
