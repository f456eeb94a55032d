/** Reads telemetry out of JSON, whichever of the known shapes it has, and out of files of it. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { InputError } from "../errors.ts";
import { getField, isObject, getArray } from "../json.ts";
import { readJaegerTrace } from "./jaeger-json.ts";
import { readResourceLogs, readResourceSpans } from "./otlp-json.ts";
import { type TelemetryData, together } from "./telemetry-data.ts";

const nothing: TelemetryData = { spans: [], logs: [], notes: [] };

/** Names under which others wrap the same: Tempo `trace`, Jaeger's version 3 `result`. */
const wrappings = ["trace", "result"] as const;

const readObject = (value: Record<string, unknown>): TelemetryData | undefined => {
  if (Object.keys(value).length === 0) return nothing;
  if (Array.isArray(value["resourceSpans"]) || Array.isArray(value["batches"]))
    return { ...nothing, spans: readResourceSpans(getArray(value, "resourceSpans", "batches")) };
  if (Array.isArray(value["resourceLogs"]))
    return { ...nothing, logs: readResourceLogs(getArray(value, "resourceLogs")) };
  if (Array.isArray(value["resourceMetrics"])) return nothing;
  if (Array.isArray(value["data"])) {
    return { ...nothing, spans: getArray(value, "data").flatMap((trace) => readJaegerTrace(trace)) };
  }
  const inner = wrappings.map((name) => value[name]).find(isObject);
  return inner === undefined ? undefined : readObject(inner);
};

/**
 * The telemetry in a value that was JSON.
 *
 * @throws {TypeError} when it is none, saying why.
 */
export const readTelemetry = (value: unknown): TelemetryData => {
  if (Array.isArray(value)) return together(value.map(readTelemetry));
  const read = isObject(value) ? readObject(value) : undefined;
  if (read !== undefined) return read;
  const keys = isObject(value) ? Object.keys(value).slice(0, 5).join(", ") || "nothing" : typeof value;
  throw new TypeError(
    `this is JSON, but no traces or logs in OTLP, Tempo's or Jaeger's format: it has ${keys} in place of resourceSpans`,
  );
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

const read = (value: unknown, source: string, line: number): TelemetryData => {
  try {
    return readTelemetry(value);
  } catch (error) {
    throw new InputError(source, line, (error as Error).message);
  }
};

interface Line {
  readonly number: number;
  readonly text: string;
}

const linesOf = async (file: string): Promise<ReadonlyArray<Line>> => {
  const lines: Array<Line> = [];
  let number = 0;
  try {
    const input = file === "-" ? process.stdin : createReadStream(file, "utf8");
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      number++;
      if (text.trim() !== "") lines.push({ number, text });
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const problem =
      code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "this is a folder, not a file" : message;
    throw new InputError(file, undefined, problem);
  }
  return lines;
};

const notJson = (text: string): string => {
  const start = text.trim().slice(0, 24);
  return `this is not JSON; it begins with ${JSON.stringify(start)}. Give a file of OTLP in JSON, such as the file exporter of the OpenTelemetry Collector writes`;
};

/**
 * Reads a file of telemetry: one JSON value a line, as the Collector writes it, or one value over the whole file.
 * `-` is the standard input. A last line that is cut off is left out, for the file may still be written to.
 *
 * @throws {InputError} with the line, for what cannot be read.
 */
export const readTelemetryFile = async (file: string): Promise<TelemetryData> => {
  const source = file === "-" ? "standard input" : file;
  const lines = await linesOf(file);
  const [first] = lines;
  if (first === undefined) throw new InputError(source, undefined, "the file is empty");
  if (parse(first.text) === undefined) {
    const whole = parse(lines.map(({ text }) => text).join("\n"));
    if (whole === undefined) throw new InputError(source, first.number, notJson(first.text));
    return read(whole, source, first.number);
  }
  const parts = lines.map(({ number, text }, index): TelemetryData => {
    const value = parse(text);
    if (value !== undefined) return read(value, source, number);
    if (index === lines.length - 1 && text.trimStart().startsWith("{"))
      return {
        ...nothing,
        notes: [`${source}:${number} is cut off and was left out: the file may still be written to.`],
      };
    throw new InputError(source, number, notJson(text));
  });
  return together(parts);
};

/** Why a server says that it has no such trace, if it says so in Jaeger's way. */
export const jaegerErrorIn = (value: unknown): string | undefined => {
  const [error] = getArray(value, "errors");
  const message = getField(error, "msg");
  return typeof message === "string" ? message : undefined;
};
