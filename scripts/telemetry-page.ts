/** The reference of all telemetry as a Markdown page, made from the catalog. */
import type { AttributeSpec, LogSpec, MetricSpec, SpanSpec } from "../src/telemetry/catalog.ts";
import { attributes, logs, metrics, spans } from "../src/telemetry/catalog.ts";

const attributeOf: Readonly<Record<string, AttributeSpec>> = attributes;

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");

const code = (text: string): string => `\`${text}\``;

const units: Readonly<Record<string, string>> = { s: "seconds", ms: "milliseconds", By: "bytes", "1": "" };

const unitName = (unit: string | undefined): string => {
  if (unit === undefined) return "";
  return units[unit] ?? unit.replace(/[{}]/g, "");
};

const labelList = (spec: MetricSpec): string =>
  spec.labels
    .map((label) => {
      const known = spec.known?.[label];
      return known === undefined ? code(label) : `${code(label)} (${known.join(", ")})`;
    })
    .join(", ");

/** Names the distinct lists of bucket bounds, so that the page has each once. */
const bucketLists = (): ReadonlyArray<readonly [name: string, bounds: string]> => {
  const lists = new Set<string>();
  for (const { buckets } of Object.values<MetricSpec>(metrics))
    if (buckets !== undefined) lists.add(buckets.join(", "));
  return [...lists].map((bounds, index) => [`B${index + 1}`, bounds] as const);
};

const spanSection = (spec: SpanSpec): string => `### ${code(spec.name)}, ${spec.kind}

${spec.description}

${spec.attributes.map((key) => code(attributeOf[key]?.name ?? key)).join(", ")}`;

const metricSection = (
  spec: MetricSpec,
  buckets: ReadonlyArray<readonly [name: string, bounds: string]>,
): ReadonlyArray<string> => {
  const bucket = buckets.find(([, bounds]) => bounds === spec.buckets?.join(", "))?.[0];
  const shape = [
    spec.type,
    ...(bucket === undefined ? [] : [bucket]),
    ...(spec.exemplars === true ? ["exemplars"] : []),
  ];
  return [code(spec.name), shape.join(", "), unitName(spec.unit), labelList(spec), spec.side, spec.description];
};

/** The page. */
export const telemetryPage = (): string => {
  const buckets = bucketLists();
  return `# Telemetry reference

Every span, attribute, metric and log event of Firelight. This page is written by \`npm run docs\` from
[\`src/telemetry/catalog.ts\`](../src/telemetry/catalog.ts), which programs can read as \`firelight/catalog\`. How to
receive and read all of this is in [observability.md](observability.md).

## Spans

\`{rpc.method}\` stands for the method: the span is named after it. An attribute is there when it is known.

${Object.values<SpanSpec>(spans).map(spanSection).join("\n\n")}

## Metrics

Names are those of Prometheus; pushed over OTLP they are the same. _Side_ says who keeps it: the parent, which sees every
call, or the runner, which serves its own at \`/metrics\`. Label values in parentheses start at zero. Exemplars carry
\`trace_id\` and \`span_id\`.

${table(
  ["metric", "type", "unit", "labels", "side", "what it is"],
  Object.values<MetricSpec>(metrics).map((spec) => metricSection(spec, buckets)),
)}

Upper bounds of buckets:

${buckets.map(([name, bounds]) => `- ${name}: ${bounds}`).join("\n")}

## Log events

The name of an event is its record's \`event.name\`.

${table(
  ["event", "level", "when"],
  Object.values<LogSpec>(logs).map(({ name, level, description }) => [code(name), level, description]),
)}

## Attributes

Metric labels are the same names with underscores for dots.

${table(
  ["attribute", "type", "unit", "meaning"],
  Object.values<AttributeSpec>(attributes).map(({ name, type, unit, description }) => [
    code(name),
    type,
    unitName(unit),
    description,
  ]),
)}
`;
};
