/** Reads the output of a collector's file exporter: one OTLP JSON message per line. */

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface FiledSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Attributes;
  readonly resource: Attributes;
}

export interface FiledLog {
  readonly eventName: string;
  readonly traceId: string;
  readonly attributes: Attributes;
  readonly resource: Attributes;
}

export interface FiledMetric {
  readonly name: string;
  /** Whether it has data points. */
  readonly recorded: boolean;
  readonly resource: Attributes;
}

export interface Filed {
  readonly spans: ReadonlyArray<FiledSpan>;
  readonly logs: ReadonlyArray<FiledLog>;
  readonly metrics: ReadonlyArray<FiledMetric>;
}

interface RawValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}
type RawAttributes = ReadonlyArray<{ readonly key: string; readonly value: RawValue }>;

interface RawItem {
  readonly name?: string;
  readonly eventName?: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly attributes?: RawAttributes;
}

interface RawPoints {
  readonly dataPoints?: ReadonlyArray<unknown>;
}

interface RawMetric {
  readonly name?: string;
  readonly gauge?: RawPoints;
  readonly sum?: RawPoints;
  readonly histogram?: RawPoints;
}

interface RawGroup {
  readonly resource?: { readonly attributes?: RawAttributes };
  readonly scopeSpans?: ReadonlyArray<{ readonly spans?: ReadonlyArray<RawItem> }>;
  readonly scopeLogs?: ReadonlyArray<{ readonly logRecords?: ReadonlyArray<RawItem> }>;
  readonly scopeMetrics?: ReadonlyArray<{ readonly metrics?: ReadonlyArray<RawMetric> }>;
}

interface RawLine {
  readonly resourceSpans?: ReadonlyArray<RawGroup>;
  readonly resourceLogs?: ReadonlyArray<RawGroup>;
  readonly resourceMetrics?: ReadonlyArray<RawGroup>;
}

const attributesOf = (raw: RawAttributes | undefined): Attributes =>
  Object.fromEntries(
    (raw ?? []).map(({ key, value }) => [
      key,
      value.stringValue ??
        value.boolValue ??
        value.doubleValue ??
        (value.intValue === undefined ? undefined : Number(value.intValue)),
    ]),
  );

const isRecorded = ({ gauge, sum, histogram }: RawMetric): boolean =>
  ((gauge ?? sum ?? histogram)?.dataPoints ?? []).length > 0;

/** Parses the text. Ignores an incomplete last line. */
export const readFiled = (text: string): Filed => {
  const lines = text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RawLine);
  const resourceOf = (group: RawGroup): Attributes => attributesOf(group.resource?.attributes);
  return {
    spans: lines
      .flatMap((line) => line.resourceSpans ?? [])
      .flatMap((group) =>
        (group.scopeSpans ?? [])
          .flatMap(({ spans }) => spans ?? [])
          .map((span) => ({
            name: span.name ?? "",
            traceId: span.traceId ?? "",
            spanId: span.spanId ?? "",
            parentSpanId: span.parentSpanId ?? "",
            attributes: attributesOf(span.attributes),
            resource: resourceOf(group),
          })),
      ),
    logs: lines
      .flatMap((line) => line.resourceLogs ?? [])
      .flatMap((group) =>
        (group.scopeLogs ?? [])
          .flatMap(({ logRecords }) => logRecords ?? [])
          .map((record) => ({
            eventName: record.eventName ?? "",
            traceId: record.traceId ?? "",
            attributes: attributesOf(record.attributes),
            resource: resourceOf(group),
          })),
      ),
    metrics: lines
      .flatMap((line) => line.resourceMetrics ?? [])
      .flatMap((group) =>
        (group.scopeMetrics ?? [])
          .flatMap(({ metrics }) => metrics ?? [])
          .map((metric) => ({ name: metric.name ?? "", recorded: isRecorded(metric), resource: resourceOf(group) })),
      ),
  };
};
