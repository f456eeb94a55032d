/** Reads the `OTEL_*` variables that `startOpenTelemetry` evaluates itself. Invalid values are reported and ignored. */

/** Returns the trimmed value of a variable; `undefined` if it is empty. */
export const text = (name: string): string | undefined => process.env[name]?.trim() || undefined;

/** Returns the unique values of a comma-separated list. */
export const list = (name: string): ReadonlyArray<string> | undefined => {
  const values = text(name)
    ?.split(",")
    .map((value) => value.trim())
    .filter((value) => value !== "");
  return values === undefined || values.length === 0 ? undefined : [...new Set(values)];
};

const reported: Set<string> = new Set();

/** Reports an invalid value, once. */
export const report = (name: string, allowed: string): void => {
  const message = `firelight: ${name} is "${text(name)}", which is invalid and was ignored. Use ${allowed}.`;
  if (reported.has(message)) return;
  reported.add(message);
  console.warn(message);
};

/** Returns the number in the first of the variables that is set. */
export const number = (names: ReadonlyArray<string>, min: number): number | undefined => {
  const name = names.find((one) => text(one) !== undefined);
  if (name === undefined) return undefined;
  const value = Number(text(name));
  if (value >= min) return value;
  report(name, `a number, ${min} or more`);
  return undefined;
};

/** A signal, as spelled in variable names. */
export type SignalName = "TRACES" | "METRICS" | "LOGS";

/** An exporter that `startOpenTelemetry` supports. */
export type ExporterName = "otlp" | "console";

/**
 * Returns the exporters in `OTEL_<SIGNAL>_EXPORTER`; none if the list contains `none`.
 *
 * @param standard the default if the variable is not set
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

/** Returns the temporality of counters and histograms in `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`. */
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

/** Removes unset fields, so the SDK's defaults apply. */
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
