/** The `OTEL_*` variables that `startOpenTelemetry` reads itself. A value that cannot be used is reported and taken for none. */

/** The value of a variable, without spaces around it; `undefined` when it is empty. */
export const text = (name: string): string | undefined => process.env[name]?.trim() || undefined;

/** The values of a comma-separated list, each once. */
export const list = (name: string): ReadonlyArray<string> | undefined => {
  const values = text(name)
    ?.split(",")
    .map((value) => value.trim())
    .filter((value) => value !== "");
  return values === undefined || values.length === 0 ? undefined : [...new Set(values)];
};

const reported: Set<string> = new Set();

/** Reports a value that has no effect, once. */
export const report = (name: string, allowed: string): void => {
  const message = `firelight: ${name} is "${text(name)}", which has no effect. Use ${allowed}.`;
  if (reported.has(message)) return;
  reported.add(message);
  console.warn(message);
};

/** The number in the first of the variables that is set. */
export const number = (names: ReadonlyArray<string>, least: number): number | undefined => {
  const name = names.find((one) => text(one) !== undefined);
  if (name === undefined) return undefined;
  const value = Number(text(name));
  if (value >= least) return value;
  report(name, `a number, ${least} or more`);
  return undefined;
};

/** A signal, as it is spelled in the names of variables. */
export type SignalName = "TRACES" | "METRICS" | "LOGS";

/** An exporter that `startOpenTelemetry` has. */
export type ExporterName = "otlp" | "console";

/**
 * The exporters of a signal by `OTEL_<SIGNAL>_EXPORTER`; none when the list has `none`.
 *
 * @param standard what holds when the variable is not set
 */
export const exportersOf = (
  signal: SignalName,
  standard: ReadonlyArray<ExporterName> = ["otlp"],
): ReadonlyArray<ExporterName> => {
  const name = `OTEL_${signal}_EXPORTER`;
  const wanted = list(name);
  if (wanted === undefined) return standard;
  if (wanted.includes("none")) return [];
  const known = wanted.filter((value): value is ExporterName => value === "otlp" || value === "console");
  if (known.length < wanted.length) report(name, `none, or a list of otlp and console`);
  return known;
};

/** `OTEL_SDK_DISABLED`. */
export const isDisabled = (): boolean => text("OTEL_SDK_DISABLED")?.toLowerCase() === "true";

/** How the points of counters and histograms are counted, by `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`. */
export const temporality = (): "cumulative" | "delta" => {
  const name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
  const value = text(name)?.toLowerCase();
  if (value === "delta" || value === "lowmemory") return "delta";
  if (value !== undefined && value !== "cumulative") report(name, "cumulative, delta or lowmemory");
  return "cumulative";
};

interface BatchSettings {
  readonly maxQueueSize?: number;
  readonly scheduledDelayMillis?: number;
  readonly exportTimeoutMillis?: number;
  readonly maxExportBatchSize?: number;
}

/** Leaves out what is not set, so that the SDK's own defaults hold. */
const defined = <Fields extends object>(fields: Fields): { [K in keyof Fields]?: NonNullable<Fields[K]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

/** The `OTEL_BSP_*` or `OTEL_BLRP_*` variables. */
export const batchSettings = (prefix: "BSP" | "BLRP"): BatchSettings =>
  defined({
    maxQueueSize: number([`OTEL_${prefix}_MAX_QUEUE_SIZE`], 1),
    scheduledDelayMillis: number([`OTEL_${prefix}_SCHEDULE_DELAY`], 1),
    exportTimeoutMillis: number([`OTEL_${prefix}_EXPORT_TIMEOUT`], 1),
    maxExportBatchSize: number([`OTEL_${prefix}_MAX_EXPORT_BATCH_SIZE`], 1),
  });

interface SpanLimits {
  readonly attributeCountLimit?: number;
  readonly attributeValueLengthLimit?: number;
  readonly eventCountLimit?: number;
  readonly linkCountLimit?: number;
  readonly attributePerEventCountLimit?: number;
  readonly attributePerLinkCountLimit?: number;
}

/** The limits of spans. */
export const spanLimits = (): SpanLimits =>
  defined({
    attributeCountLimit: number(["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"], 0),
    attributeValueLengthLimit: number(
      ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
      0,
    ),
    eventCountLimit: number(["OTEL_SPAN_EVENT_COUNT_LIMIT"], 0),
    linkCountLimit: number(["OTEL_SPAN_LINK_COUNT_LIMIT"], 0),
    attributePerEventCountLimit: number(["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"], 0),
    attributePerLinkCountLimit: number(["OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"], 0),
  });

/** The limits of log records. */
export const logRecordLimits = (): Pick<SpanLimits, "attributeCountLimit" | "attributeValueLengthLimit"> =>
  defined({
    attributeCountLimit: number(["OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"], 0),
    attributeValueLengthLimit: number(
      ["OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
      0,
    ),
  });
