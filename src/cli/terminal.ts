/** Where a command prints: its width, its colors where it has them, and texts that fit. */
import { stripVTControlCharacters, styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

/** Prints lines. */
export interface Terminal {
  /** Columns to fill. */
  readonly columns: number;
  line(text?: string): void;
  /** The text in a style, on a terminal that has styles. */
  style(format: Format, text: string): string;
  /** Lines for the person at the screen, beside what a program may read. */
  aside(text: string): void;
}

interface Streams {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

const narrowest = 80;
const widest = 140;
const customary = 100;

/** `NO_COLOR` and `FORCE_COLOR` decide where they are set; else a terminal that is not dumb has colors. */
const hasColors = (stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean => {
  if (env["NO_COLOR"]) return false;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return stream.isTTY && env["TERM"] !== "dumb";
};

/** The terminal of this process. */
export const makeTerminal = ({ out, err }: Streams, env: NodeJS.ProcessEnv): Terminal => {
  const colors = hasColors(out, env);
  const columns = out.columns ?? (Number(env["COLUMNS"]) || customary);
  return {
    columns: Math.min(widest, Math.max(narrowest, columns)),
    line: (text = "") => void out.write(`${text.trimEnd()}\n`),
    style: (format, text) => (colors ? styleText(format, text, { validateStream: false }) : text),
    aside: (text) => void err.write(`${text}\n`),
  };
};

/** The columns that a text takes. */
export const columnsOf = (text: string): number => Array.from(stripVTControlCharacters(text)).length;

/** The text, filled up with spaces behind it. */
export const fill = (text: string, columns: number): string =>
  text + " ".repeat(Math.max(0, columns - columnsOf(text)));

const escapeSequence = new RegExp(String.raw`\u001b\[[0-?]*[ -/]*[@-~]`, "g");

/** Text from elsewhere, as one line without anything that a terminal would obey. */
export const harmless = (text: string): string =>
  text
    .replace(escapeSequence, "")
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .trim();

/** At most so many columns of a text. */
export const shorten = (text: string, columns: number): string =>
  columnsOf(text) <= columns
    ? text
    : `${Array.from(text)
        .slice(0, Math.max(0, columns - 1))
        .join("")}…`;

/** A space that is not one between a number and its unit. */
const wordEnd = / (?!(?:\d{3} )?(?:ms|s|min|B|kB|%)(?!\w))/;

/** Text from elsewhere, broken into lines of so many columns: the first one behind `indent`, the others behind `hanging`. */
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

/** Milliseconds as people read them: `0.4 ms`, `38 ms`, `3 012 ms`, `12.4 s`, `3.5 min`. */
export const duration = (ms: number): string => {
  const size = Math.abs(ms);
  if (size < 9.95) return `${ms.toFixed(1)} ms`;
  if (size < 9_999.5) return `${Math.round(ms)} ms`.replace(/(\d)(\d{3}) /, "$1 $2 ");
  return size < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`;
};

/** `1 attempt`, `2 attempts`. */
export const many = (count: number, thing: string): string => `${count} ${count === 1 ? thing : `${thing}s`}`;
