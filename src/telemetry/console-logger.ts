/** The logger of programs that configure none: it writes to the console. */
import type { Logger } from "../contract/config/options.ts";
import { attributes, logs } from "./catalog.ts";

const oneLine = (text: string): string => text.replace(/\s*[\r\n]+\s*/g, " ");

/** Lines of a stack that the console shows, at most. */
const maxStackLines = 40;

/**
 * The stack and the causes below a record, each line indented, so that no text of an error can pass for a record of its own. The
 * stack of an error of Firelight itself tells nothing to a reader of the console: of a failed call, the causes are shown.
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
 * Writes warnings and errors to the console: a line each, and below it, indented, the stack and the causes of what was thrown. What is
 * only good to know stays silent.
 */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message, meta) => console.warn(record("warn", message, meta)),
  error: (message, meta) => console.error(record("error", message, meta)),
};
