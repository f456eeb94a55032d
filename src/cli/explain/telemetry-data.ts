/** Spans and log records, whatever format they came in. Times are in milliseconds since 1970. */

export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Which span, of which trace. Both ids are in lower-case hex. */
export interface SpanRef {
  readonly traceId: string;
  readonly spanId: string;
}

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer" | "unspecified";

/** What was thrown, as far as it was recorded. */
export interface RecordedException {
  readonly type: string | undefined;
  readonly message: string | undefined;
  readonly stack: string | undefined;
}

export interface Span extends SpanRef {
  /** `undefined` for the first of a trace. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  readonly endMs: number;
  /** Whether its status is an error. */
  readonly failed: boolean;
  readonly statusMessage: string | undefined;
  readonly attributes: Attributes;
  readonly links: ReadonlyArray<SpanRef>;
  readonly exceptions: ReadonlyArray<RecordedException>;
  /** `service.name` of the process that made it. */
  readonly service: string;
}

export interface LogRecord {
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly timeMs: number;
  /** The name of the event, if it has one. */
  readonly event: string | undefined;
  readonly body: string;
  readonly attributes: Attributes;
}

/** What was read, and what a person should know of the reading. */
export interface TelemetryData {
  readonly spans: ReadonlyArray<Span>;
  readonly logs: ReadonlyArray<LogRecord>;
  readonly notes: ReadonlyArray<string>;
}

/** Several readings as one. A span that was exported twice counts once. */
export const together = (parts: ReadonlyArray<TelemetryData>): TelemetryData => ({
  spans: [
    ...new Map(
      parts.flatMap(({ spans }) => spans).map((span) => [`${span.traceId}/${span.spanId}`, span] as const),
    ).values(),
  ],
  logs: parts.flatMap(({ logs }) => logs),
  notes: parts.flatMap(({ notes }) => notes),
});
