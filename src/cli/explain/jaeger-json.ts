/**
 * Reads what Jaeger's query API answers under `/api/traces`: tags for attributes,
 * references for parent and links, logs for events, microseconds for time.
 */
import { fieldOf, listIn, numberIn, readId, spanIdBytes, textIn, traceIdBytes } from "../json.ts";
import { exceptionIn } from "./otlp-json.ts";
import type { Attributes, AttributeValue, Span, SpanKind, SpanRef } from "./telemetry-data.ts";

const kinds: ReadonlySet<unknown> = new Set(["internal", "server", "client", "producer", "consumer"]);

const numeric: ReadonlySet<unknown> = new Set(["int64", "float64"]);

const readTags = (tags: ReadonlyArray<unknown>): Attributes =>
  Object.fromEntries(
    tags.flatMap((tag) => {
      const key = textIn(tag, "key");
      const value = fieldOf(tag, "value");
      if (key === undefined || value === undefined || value === null) return [];
      const read = numeric.has(fieldOf(tag, "type")) ? Number(value) : value;
      return [[key, typeof read === "object" ? JSON.stringify(read) : (read as AttributeValue)] as const];
    }),
  );

interface Reference extends SpanRef {
  readonly parent: boolean;
}

const readReference = (reference: unknown): Reference | undefined => {
  const traceId = readId(fieldOf(reference, "traceID"), traceIdBytes);
  const spanId = readId(fieldOf(reference, "spanID"), spanIdBytes);
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, parent: fieldOf(reference, "refType") === "CHILD_OF" };
};

const readSpan = (span: unknown, processes: unknown): Span => {
  const traceId = readId(fieldOf(span, "traceID"), traceIdBytes);
  const spanId = readId(fieldOf(span, "spanID"), spanIdBytes);
  const name = textIn(span, "operationName") ?? "(no name)";
  if (traceId === undefined || spanId === undefined) throw new TypeError(`the span "${name}" has no traceID or spanID`);
  const facts = readTags(listIn(span, "tags"));
  const references = listIn(span, "references").flatMap((reference) => readReference(reference) ?? []);
  const parent = references.find((reference) => reference.parent && reference.traceId === traceId);
  const kind = facts["span.kind"];
  const startMs = (numberIn(span, "startTime") ?? 0) / 1_000;
  const process = fieldOf(processes, textIn(span, "processID") ?? "") ?? fieldOf(span, "process");
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
    exceptions: listIn(span, "logs").flatMap((log) => exceptionIn(readTags(listIn(log, "fields"))) ?? []),
    service: textIn(process, "serviceName") ?? "unknown",
  };
};

/**
 * The spans of one of the traces in `data`.
 *
 * @throws {TypeError} for a span without ids.
 */
export const readJaegerTrace = (trace: unknown): ReadonlyArray<Span> =>
  listIn(trace, "spans").map((span) => readSpan(span, fieldOf(trace, "processes")));
