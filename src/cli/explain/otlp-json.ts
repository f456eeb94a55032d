/**
 * Parses OTLP in JSON: as written by the OpenTelemetry Collector's file exporter, by Tempo (enum names instead of
 * numbers, ids in base64), and by version 3 of Jaeger's API.
 */
import { attributes } from "../../telemetry/catalog.ts";
import { getField, isObject, getArray, numberIn, readId, spanIdBytes, getString, traceIdBytes } from "../json.ts";
import type {
  Attributes,
  AttributeValue,
  LogRecord,
  RecordedException,
  Span,
  SpanKind,
  SpanRef,
} from "./telemetry-data.ts";

const kinds: ReadonlyArray<SpanKind> = ["unspecified", "internal", "server", "client", "producer", "consumer"];

const readKind = (kind: unknown): SpanKind =>
  typeof kind === "number"
    ? (kinds[kind] ?? "unspecified")
    : (kinds.find((name) => kind === `SPAN_KIND_${name.toUpperCase()}`) ?? "unspecified");

const readValue = (value: unknown): AttributeValue | undefined => {
  if (!isObject(value)) return undefined;
  const { stringValue, boolValue, bytesValue, arrayValue, kvlistValue } = value;
  if (typeof stringValue === "string") return stringValue;
  if (typeof boolValue === "boolean") return boolValue;
  if (typeof bytesValue === "string") return bytesValue;
  const number = numberIn(value, "intValue") ?? numberIn(value, "doubleValue");
  if (number !== undefined) return number;
  return arrayValue === undefined && kvlistValue === undefined ? undefined : JSON.stringify(arrayValue ?? kvlistValue);
};

const readAttributes = (owner: unknown): Attributes =>
  Object.fromEntries(
    getArray(owner, "attributes").flatMap((pair) => {
      const key = getString(pair, "key");
      const value = readValue(getField(pair, "value"));
      return key === undefined || value === undefined ? [] : [[key, value] as const];
    }),
  );

const readTime = (owner: unknown, name: string): number => (numberIn(owner, name) ?? 0) / 1e6;

const readRef = (owner: unknown): SpanRef | undefined => {
  const traceId = readId(getField(owner, "traceId"), traceIdBytes);
  const spanId = readId(getField(owner, "spanId"), spanIdBytes);
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
};

const asText = (value: AttributeValue | undefined): string | undefined =>
  value === undefined ? undefined : String(value);

/** Returns the exception in the attributes of a span event or log record, if any. */
export const exceptionIn = (facts: Attributes): RecordedException | undefined => {
  const [type, message, stack] = [attributes.exceptionType, attributes.exceptionMessage, attributes.exceptionStack].map(
    ({ name }) => asText(facts[name]),
  );
  return type === undefined && message === undefined ? undefined : { type, message, stack };
};

const readExceptions = (span: unknown): ReadonlyArray<RecordedException> =>
  getArray(span, "events").flatMap((event) => exceptionIn(readAttributes(event)) ?? []);

const failedCodes: ReadonlySet<unknown> = new Set([2, "STATUS_CODE_ERROR"]);

const readSpan = (span: unknown, service: string): Span => {
  const ref = readRef(span);
  const name = getString(span, "name");
  if (ref === undefined) throw new TypeError(`the span "${name ?? "without a name"}" has no traceId or no spanId`);
  const startMs = readTime(span, "startTimeUnixNano");
  const status = getField(span, "status");
  return {
    ...ref,
    parentSpanId: readId(getField(span, "parentSpanId"), spanIdBytes),
    name: name ?? "(no name)",
    kind: readKind(getField(span, "kind")),
    startMs,
    endMs: Math.max(startMs, readTime(span, "endTimeUnixNano")),
    failed: failedCodes.has(getField(status, "code")),
    statusMessage: getString(status, "message"),
    attributes: readAttributes(span),
    links: getArray(span, "links").flatMap((link) => readRef(link) ?? []),
    exceptions: readExceptions(span),
    service,
  };
};

const readLog = (record: unknown): LogRecord => {
  const facts = readAttributes(record);
  return {
    traceId: readId(getField(record, "traceId"), traceIdBytes),
    spanId: readId(getField(record, "spanId"), spanIdBytes),
    timeMs: readTime(record, "timeUnixNano") || readTime(record, "observedTimeUnixNano"),
    event: getString(record, "eventName") ?? asText(facts[attributes.eventName.name]),
    body: String(readValue(getField(record, "body")) ?? ""),
    attributes: facts,
  };
};

const serviceOf = (group: unknown): string =>
  String(readAttributes(getField(group, "resource"))["service.name"] ?? "unknown");

/**
 * Returns the spans of `resourceSpans`.
 *
 * @throws {TypeError} for a span without ids
 */
export const readResourceSpans = (groups: ReadonlyArray<unknown>): ReadonlyArray<Span> =>
  groups.flatMap((group) =>
    getArray(group, "scopeSpans", "instrumentationLibrarySpans").flatMap((scope) =>
      getArray(scope, "spans").map((span) => readSpan(span, serviceOf(group))),
    ),
  );

/** Returns the records of `resourceLogs`. */
export const readResourceLogs = (groups: ReadonlyArray<unknown>): ReadonlyArray<LogRecord> =>
  groups.flatMap((group) =>
    getArray(group, "scopeLogs").flatMap((scope) => getArray(scope, "logRecords").map((record) => readLog(record))),
  );
