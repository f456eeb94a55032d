/** The default logger: writes warnings and errors to the console. */
import type { Logger } from "../contract/config/options.ts";
import { attributes, logs } from "./catalog.ts";

const oneLine = (text: string): string => text.replace(/\s*[\r\n]+\s*/g, " ");

/** Maximum number of stack lines that the console shows. */
const maxStackLines = 40;

/**
 * Returns the stack and the causes below a record. Each line is indented, so text of an error cannot pass for a record.
 * The stack of Firelight's own error does not help a reader of the console: for a failed call, only the causes are
 * shown.
 */
const stackLines = (meta: Record<string, unknown>): string => {
  const stack = meta[attributes.exceptionStack.name];
  if (typeof stack !== "string") return "";
  const lines = stack.split(/[\r\n]+/);
  const from = meta[attributes.eventName.name] === logs.clientException.name ? lines.findIndex(isInner) : 0;
  if (from < 0) return "";
  const shown = lines.slice(from, from + maxStackLines).map((line) => `\n    ${line}`);
  const left = lines.length - from - shown.length;
  return `${shown.join("")}${left > 0 ? `\n    … ${left} more lines` : ""}`;
};

const isInner = (line: string): boolean => /^(?:Caused by|Error 1 of \d+): /.test(line);

const record = (level: string, message: string, meta: Record<string, unknown> = {}): string => {
  const trace = meta[attributes.traceId.name];
  const line = oneLine(`firelight ${level}: ${message}${typeof trace === "string" ? ` (trace ${trace})` : ""}`);
  return `${line}${stackLines(meta)}`;
};

/**
 * Writes each warning and error to the console as one line, followed by the stack and the causes of the error,
 * indented. Does not write debug and info records.
 */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message, meta) => console.warn(record("warn", message, meta)),
  error: (message, meta) => console.error(record("error", message, meta)),
};
