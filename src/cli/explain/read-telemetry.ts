/** Reads telemetry from JSON in any of the supported formats, and from files. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { InputError } from "../errors.ts";
import { getField, isObject, getArray } from "../json.ts";
import { readJaegerTrace } from "./jaeger-json.ts";
import { readResourceLogs, readResourceSpans } from "./otlp-json.ts";
import { type TelemetryData, combine } from "./telemetry-data.ts";

const noTelemetry: TelemetryData = { spans: [], logs: [], notes: [] };

/** Fields that wrap the same data: `trace` in Tempo, `result` in version 3 of Jaeger's API. */
const wrappings = ["trace", "result"] as const;

const readObject = (value: Record<string, unknown>): TelemetryData | undefined => {
  if (Object.keys(value).length === 0) return noTelemetry;
  if (Array.isArray(value["resourceSpans"]) || Array.isArray(value["batches"]))
    return { ...noTelemetry, spans: readResourceSpans(getArray(value, "resourceSpans", "batches")) };
  if (Array.isArray(value["resourceLogs"]))
    return { ...noTelemetry, logs: readResourceLogs(getArray(value, "resourceLogs")) };
  if (Array.isArray(value["resourceMetrics"])) return noTelemetry;
  if (Array.isArray(value["data"])) {
    return { ...noTelemetry, spans: getArray(value, "data").flatMap((trace) => readJaegerTrace(trace)) };
  }
  const inner = wrappings.map((name) => value[name]).find(isObject);
  return inner === undefined ? undefined : readObject(inner);
};

/**
 * Returns the telemetry in a parsed JSON value.
 *
 * @throws {TypeError} if it is not telemetry, with the reason
 */
export const readTelemetry = (value: unknown): TelemetryData => {
  if (Array.isArray(value)) return combine(value.map(readTelemetry));
  const read = isObject(value) ? readObject(value) : undefined;
  if (read !== undefined) return read;
  const keys = isObject(value) ? Object.keys(value).slice(0, 5).join(", ") || "noTelemetry" : typeof value;
  throw new TypeError(
    `this JSON has no traces or logs in the format of OTLP, Tempo or Jaeger: it has ${keys} instead of resourceSpans`,
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
      code === "ENOENT" ? "the file does not exist" : code === "EISDIR" ? "this is a folder, not a file" : message;
    throw new InputError(file, undefined, problem);
  }
  return lines;
};

const notJson = (text: string): string => {
  const start = text.trim().slice(0, 24);
  return `this is not JSON; it starts with ${JSON.stringify(start)}. Give a file of OTLP in JSON, such as the output of the OpenTelemetry Collector's file exporter`;
};

/**
 * Reads a telemetry file: one JSON value per line, as the Collector writes it, or one value for the whole file. `-` is
 * the standard input. A truncated last line is skipped, since the file may still be written.
 *
 * @throws {InputError} with the line, if the file cannot be read
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
        ...noTelemetry,
        notes: [`${source}:${number} is truncated and was skipped; the file may still be being written.`],
      };
    throw new InputError(source, number, notJson(text));
  });
  return combine(parts);
};

/** Returns Jaeger's error message for a missing trace, if there is one. */
export const jaegerErrorIn = (value: unknown): string | undefined => {
  const [error] = getArray(value, "errors");
  const message = getField(error, "msg");
  return typeof message === "string" ? message : undefined;
};
