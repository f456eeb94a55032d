/**
 * Searches of traces (TraceQL) and logs (LogQL), with names from the catalog. In Loki, attributes of records that
 * came over OTLP are labels with underscores.
 */
import { attributes, spans } from "../../telemetry/catalog.ts";

type Attribute = keyof typeof attributes;

/** An attribute of a span in TraceQL. */
export const spanAttribute = (key: Attribute): string => `span.${attributes[key].name}`;

/** An attribute of a log record, as a label in LogQL. */
export const logLabel = (key: Attribute): string => attributes[key].name.replaceAll(".", "_");

/**
 * How the choice of a variable stands in a query: as panels of Tempo and Loki fill it in by themselves, or in a link,
 * where it must be asked for.
 */
export type Place = "panel" | "link";

const chosen = (variable: string, place: Place): string =>
  place === "panel" ? `$${variable}` : `\${${variable}:pipe}`;

/** Spans of logical calls of the chosen methods and pools, with further conditions. */
export const callSpans = (place: Place, ...conditions: ReadonlyArray<string>): string =>
  `{ ${[
    `${spanAttribute("system")} = "flame"`,
    `kind = ${spans.call.kind}`,
    `${spanAttribute("method")} =~ "${chosen("method", place)}"`,
    `${spanAttribute("pool")} =~ "${chosen("pool", place)}"`,
    ...conditions,
  ].join(" && ")} }`;

/** Spans of a fixed name in the chosen pools, with further conditions. */
export const namedSpans = (key: "boot" | "acquire", place: Place, ...conditions: ReadonlyArray<string>): string =>
  `{ ${[`name = "${spans[key].name}"`, `${spanAttribute("pool")} =~ "${chosen("pool", place)}"`, ...conditions].join(" && ")} }`;

/** Records of the chosen pools that pass further stages. */
const records = (place: Place, ...stages: ReadonlyArray<string>): string =>
  [`{service_name=~".+"}`, `${logLabel("pool")}=~"${chosen("pool", place)}"`, ...stages].join(" | ");

/** Records about calls of the chosen methods. */
export const callLogs = (place: Place, ...stages: ReadonlyArray<string>): string =>
  records(place, `${logLabel("method")}!=""`, `${logLabel("method")}=~"${chosen("method", place)}"`, ...stages);

/** Records about the life of runners. */
export const runnerLogs = (place: Place): string =>
  records(place, `${logLabel("runnerId")}!=""`, `${logLabel("method")}=""`);

/** All records of one trace. */
export const traceLogs = (traceId: string): string => `{service_name=~".+"} | ${logLabel("traceId")}="${traceId}"`;
