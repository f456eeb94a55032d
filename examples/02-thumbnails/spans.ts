/** Reads spans out of a file of OTLP JSON, one export a line. */
import { existsSync, readFileSync } from "node:fs";

type Value = string | number | boolean;

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "other";
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, Value>>;
  /** The spans that this one links to. */
  readonly links: ReadonlyArray<string>;
  /** `service.name` of the process that made it. */
  readonly service: string;
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: { stringValue?: string; boolValue?: boolean; intValue?: string | number; doubleValue?: number };
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: ReadonlyArray<OtlpAttribute>;
  readonly links?: ReadonlyArray<{ readonly spanId: string }>;
  readonly status?: { readonly code?: number };
}

interface OtlpExport {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: ReadonlyArray<OtlpAttribute> };
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<OtlpSpan> }>;
  }>;
}

const kinds: Readonly<Record<number, Span["kind"]>> = { 1: "internal", 2: "server", 3: "client" };
const errorStatus = 2;

const attributesOf = (pairs: ReadonlyArray<OtlpAttribute>): Record<string, Value> =>
  Object.fromEntries(
    pairs.map(({ key, value: { stringValue, boolValue, intValue, doubleValue } }) => [
      key,
      stringValue ?? boolValue ?? Number(intValue ?? doubleValue),
    ]),
  );

const spanOf = (span: OtlpSpan, service: string): Span => ({
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId ?? "",
  name: span.name,
  kind: kinds[span.kind] ?? "other",
  startMs: Number(span.startTimeUnixNano) / 1e6,
  endMs: Number(span.endTimeUnixNano) / 1e6,
  failed: span.status?.code === errorStatus,
  attributes: attributesOf(span.attributes),
  links: (span.links ?? []).map(({ spanId }) => spanId),
  service,
});

/** All spans of a file, in the order in which they started; none without a file. */
export const readSpans = (file: string): ReadonlyArray<Span> =>
  (existsSync(file) ? readFileSync(file, "utf8") : "")
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => (JSON.parse(line) as OtlpExport).resourceSpans)
    .flatMap(({ resource, scopeSpans }) => {
      const service = String(attributesOf(resource.attributes)["service.name"]);
      return scopeSpans.flatMap(({ spans }) => spans.map((span) => spanOf(span, service)));
    })
    .toSorted((left, right) => left.startMs - right.startMs);

/** The `service.name` of runners. */
export const runnerService = "thumbnails-runner";

export const isOfRunner = ({ service }: Span): boolean => service === runnerService;
