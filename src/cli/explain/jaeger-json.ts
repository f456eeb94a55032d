/**
 * Parses responses of Jaeger's query API under `/api/traces`: tags are attributes, references are parents and links,
 * logs are events, times are in microseconds.
 */
import { getField, getArray, numberIn, readId, spanIdBytes, getString, traceIdBytes } from "../json.ts";
import { exceptionIn } from "./otlp-json.ts";
import type { Attributes, AttributeValue, Span, SpanKind, SpanRef } from "./telemetry-data.ts";

const kinds: ReadonlySet<unknown> = new Set(["internal", "server", "client", "producer", "consumer"]);

const numeric: ReadonlySet<unknown> = new Set(["int64", "float64"]);

const readTags = (tags: ReadonlyArray<unknown>): Attributes =>
  Object.fromEntries(
    tags.flatMap((tag) => {
      const key = getString(tag, "key");
      const value = getField(tag, "value");
      if (key === undefined || value === undefined || value === null) return [];
      const read = numeric.has(getField(tag, "type")) ? Number(value) : value;
      return [[key, typeof read === "object" ? JSON.stringify(read) : (read as AttributeValue)] as const];
    }),
  );

interface Reference extends SpanRef {
  readonly parent: boolean;
}

const readReference = (reference: unknown): Reference | undefined => {
  const traceId = readId(getField(reference, "traceID"), traceIdBytes);
  const spanId = readId(getField(reference, "spanID"), spanIdBytes);
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, parent: getField(reference, "refType") === "CHILD_OF" };
};

const readSpan = (span: unknown, processes: unknown): Span => {
  const traceId = readId(getField(span, "traceID"), traceIdBytes);
  const spanId = readId(getField(span, "spanID"), spanIdBytes);
  const name = getString(span, "operationName") ?? "(no name)";
  if (traceId === undefined || spanId === undefined) throw new TypeError(`the span "${name}" has no traceID or spanID`);
  const facts = readTags(getArray(span, "tags"));
  const references = getArray(span, "references").flatMap((reference) => readReference(reference) ?? []);
  const parent = references.find((reference) => reference.parent && reference.traceId === traceId);
  const kind = facts["span.kind"];
  const startMs = (numberIn(span, "startTime") ?? 0) / 1_000;
  const process = getField(processes, getString(span, "processID") ?? "") ?? getField(span, "process");
  return {
    traceId,
    spanId,
    parentSpanId: parent?.spanId,
    name,
    kind: kinds.has(kind) ? (kind as SpanKind) : "internal",
    startMs,
    endMs: startMs + (numberIn(span, "duration") ?? 0) / 1_000,
    failed: facts["error"] === true || facts["otel.status_code"] === "ERROR",
    statusMessage:
      facts["otel.status_description"] === undefined ? undefined : String(facts["otel.status_description"]),
    attributes: facts,
    links: references.filter((reference) => reference !== parent).map(({ traceId, spanId }) => ({ traceId, spanId })),
    exceptions: getArray(span, "logs").flatMap((log) => exceptionIn(readTags(getArray(log, "fields"))) ?? []),
    service: getString(process, "serviceName") ?? "unknown",
  };
};

/**
 * Returns the spans of one trace in `data`.
 *
 * @throws {TypeError} for a span without ids
 */
export const readJaegerTrace = (trace: unknown): ReadonlyArray<Span> =>
  getArray(trace, "spans").map((span) => readSpan(span, getField(trace, "processes")));
