/**
 * Builds searches of traces (TraceQL) and logs (LogQL) with names from the catalog. In Loki, attributes of OTLP records
 * are labels with underscores.
 */
import { attributes, spans } from "../../telemetry/catalog.ts";

type Attribute = keyof typeof attributes;

/** A span attribute in TraceQL. */
export const spanAttribute = (key: Attribute): string => `span.${attributes[key].name}`;

/** A log attribute, as a label in LogQL. */
export const logLabel = (key: Attribute): string => attributes[key].name.replaceAll(".", "_");

/**
 * How a query refers to a variable: panels of Tempo and Loki expand multiple values themselves, links need an explicit
 * format.
 */
export type QueryPlace = "panel" | "link";

const chosen = (variable: string, place: QueryPlace): string =>
  place === "panel" ? `$${variable}` : `\${${variable}:pipe}`;

/** Call spans of the selected methods and pools, with further conditions. */
export const callSpans = (place: QueryPlace, ...conditions: ReadonlyArray<string>): string =>
  `{ ${[
    `${spanAttribute("system")} = "flame"`,
    `kind = ${spans.call.kind}`,
    `${spanAttribute("method")} =~ "${chosen("method", place)}"`,
    `${spanAttribute("pool")} =~ "${chosen("pool", place)}"`,
    ...conditions,
  ].join(" && ")} }`;

/** Spans with a fixed name in the selected pools, with further conditions. */
export const namedSpans = (key: "boot" | "acquire", place: QueryPlace, ...conditions: ReadonlyArray<string>): string =>
  `{ ${[`name = "${spans[key].name}"`, `${spanAttribute("pool")} =~ "${chosen("pool", place)}"`, ...conditions].join(" && ")} }`;

/** Records of the selected pools, filtered by further stages. */
const records = (place: QueryPlace, ...stages: ReadonlyArray<string>): string =>
  [`{service_name=~".+"}`, `${logLabel("pool")}=~"${chosen("pool", place)}"`, ...stages].join(" | ");

/** Records about calls of the selected methods. */
export const callLogs = (place: QueryPlace, ...stages: ReadonlyArray<string>): string =>
  records(place, `${logLabel("method")}!=""`, `${logLabel("method")}=~"${chosen("method", place)}"`, ...stages);

/** Records about the lifecycle of runners. */
export const runnerLogs = (place: QueryPlace): string =>
  records(place, `${logLabel("runnerId")}!=""`, `${logLabel("method")}=""`);

/** All records of one trace. */
export const traceLogs = (traceId: string): string => `{service_name=~".+"} | ${logLabel("traceId")}="${traceId}"`;
