/** Spans and log records, independent of their input format. Times are in milliseconds since 1970. */

export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A reference to a span. Both ids are in lowercase hex. */
export interface SpanRef {
  readonly traceId: string;
  readonly spanId: string;
}

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer" | "unspecified";

/** The recorded parts of an exception. */
export interface RecordedException {
  readonly type: string | undefined;
  readonly message: string | undefined;
  readonly stack: string | undefined;
}

export interface Span extends SpanRef {
  /** `undefined` for a root span. */
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
  /** `service.name` of the process that recorded it. */
  readonly service: string;
}

export interface LogRecord {
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly timeMs: number;
  /** The event name, if any. */
  readonly event: string | undefined;
  readonly body: string;
  readonly attributes: Attributes;
}

/** The data that was read, with notes for the user about reading it. */
export interface TelemetryData {
  readonly spans: ReadonlyArray<Span>;
  readonly logs: ReadonlyArray<LogRecord>;
  readonly notes: ReadonlyArray<string>;
}

/** Combines several results. A span that was exported twice counts once. */
export const combine = (parts: ReadonlyArray<TelemetryData>): TelemetryData => ({
  spans: [
    ...new Map(
      parts.flatMap(({ spans }) => spans).map((span) => [`${span.traceId}/${span.spanId}`, span] as const),
    ).values(),
  ],
  logs: parts.flatMap(({ logs }) => logs),
  notes: parts.flatMap(({ notes }) => notes),
});
