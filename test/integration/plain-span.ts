/** Spans in a form that can be serialized and compared. */
import type { tracing } from "@opentelemetry/sdk-node";

export interface PlainSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly status: number;
  readonly attributes: Record<string, unknown>;
  readonly links: ReadonlyArray<string>;
  readonly events: ReadonlyArray<string>;
}

/** Converts a span to the fields that tests assert. */
export const plainSpan = (span: tracing.ReadableSpan): PlainSpan => ({
  name: span.name,
  kind: span.kind,
  traceId: span.spanContext().traceId,
  spanId: span.spanContext().spanId,
  parentSpanId: span.parentSpanContext?.spanId,
  status: span.status.code,
  attributes: { ...span.attributes },
  links: span.links.map((link) => link.context.spanId),
  events: span.events.map((event) => event.name),
});
