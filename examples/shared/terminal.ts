/** The terminal: its width, colors where it has them, a progress bar, columns. */
import { stripVTControlCharacters, styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

/** Columns to fill. */
export const width = Math.min(140, Math.max(80, process.stdout.columns ?? (Number(process.env["COLUMNS"]) || 100)));

export const styled = (style: Style, text: string): string => styleText(style, text);

export const print = (line = ""): void => console.log(line);

export const heading = (title: string, aside = ""): void =>
  print(`\n${styled("bold", title)}${aside === "" ? "" : styled("dim", `  ${aside}`)}`);

/** The columns that a text takes. */
export const lengthOf = (text: string): number => stripVTControlCharacters(text).length;

export const padEnd = (text: string, length: number): string => text + " ".repeat(Math.max(0, length - lengthOf(text)));

const padStart = (text: string, length: number): string => " ".repeat(Math.max(0, length - lengthOf(text))) + text;

/** Rows in columns as wide as their widest cell: to the right, except for those at the left by name. */
export const printTable = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  sides: ReadonlyArray<"left" | "right"> = ["left"],
): void => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => lengthOf(row[column] ?? ""))));
  for (const row of rows) {
    const cells = row.map((cell, column) => (sides[column] === "left" ? padEnd : padStart)(cell, widths[column]!));
    print(cells.join("  ").trimEnd());
  }
};

/** Seconds as people read them. */
export const duration = (seconds: number): string => {
  if (seconds === 0) return "0";
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(1)} ms`;
  return seconds < 0.9995 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
};

/** One line that fills up; on anything but a terminal, one line when it is full. */
export const progressBar = (what: string): ((done: number, total: number) => void) => {
  const startedAt = performance.now();
  const cells = 40;
  return (done, total) => {
    const full = Math.round((done / total) * cells);
    const took = duration((performance.now() - startedAt) / 1000);
    const line = `${what.padEnd(18)} ${styled("cyan", "█".repeat(full))}${styled("dim", "░".repeat(cells - full))} ${done}/${total}  ${took}`;
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}${done === total ? "\n" : ""}`);
    else if (done === total) print(line);
  };
};
