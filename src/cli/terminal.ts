/** Terminal output of commands: width, colors, and wrapping. */
import { stripVTControlCharacters, styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

/** Prints lines. */
export interface Terminal {
  /** The available width in columns. */
  readonly columns: number;
  line(text?: string): void;
  /** Applies a style if the terminal supports styles. */
  style(format: Format, text: string): string;
  /** Prints a message to standard error, separate from the output that programs read. */
  aside(text: string): void;
}

/** What a terminal needs of a stream. A stream that is no terminal has neither columns nor colors. */
interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface Streams {
  readonly out: Output;
  readonly err: Output;
}

const minColumns = 80;
const maxColumns = 140;
const defaultColumns = 100;

/** `NO_COLOR` and `FORCE_COLOR` take precedence. Otherwise a terminal that is not dumb has colors. */
const hasColors = (stream: Output, env: NodeJS.ProcessEnv): boolean => {
  if (env["NO_COLOR"]) return false;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return stream.isTTY === true && env["TERM"] !== "dumb";
};

/** Creates a terminal that writes to these streams. */
export const makeTerminal = ({ out, err }: Streams, env: NodeJS.ProcessEnv): Terminal => {
  const useColors = hasColors(out, env);
  const columns = out.columns ?? (Number(env["COLUMNS"]) || defaultColumns);
  return {
    columns: Math.min(maxColumns, Math.max(minColumns, columns)),
    line: (text = "") => void out.write(`${text.trimEnd()}\n`),
    style: (format, text) => (useColors ? styleText(format, text, { validateStream: false }) : text),
    aside: (text) => void err.write(`${text}\n`),
  };
};

/** Returns the width of a text in columns. */
export const columnsOf = (text: string): number => Array.from(stripVTControlCharacters(text)).length;

/** Pads a text with trailing spaces. */
export const fill = (text: string, columns: number): string =>
  text + " ".repeat(Math.max(0, columns - columnsOf(text)));

const escapeSequence = new RegExp(String.raw`\u001b\[[0-?]*[ -/]*[@-~]`, "g");

/** Returns untrusted text as a single line without control sequences. */
export const harmless = (text: string): string =>
  text
    .replace(escapeSequence, "")
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .trim();

/** Truncates a text to the given number of columns. */
export const shorten = (text: string, columns: number): string =>
  columnsOf(text) <= columns
    ? text
    : `${Array.from(text)
        .slice(0, Math.max(0, columns - 1))
        .join("")}…`;

/** A space, except between a number and its unit. */
const wordEnd = / (?!(?:ms|s|min|B|kB)(?!\w))/;

/**
 * Breaks untrusted text into lines of the given width. The first line starts with `indent`, the others with `hanging`.
 */
export const wrapped = (
  text: string,
  columns: number,
  indent: string,
  hanging: string = indent,
): ReadonlyArray<string> => {
  const lines: Array<string> = [];
  let line = indent;
  let empty = true;
  for (const word of harmless(text).split(wordEnd)) {
    if (!empty && columnsOf(line) + columnsOf(word) + 1 > columns) {
      lines.push(line);
      line = hanging;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
};
