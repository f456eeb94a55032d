/**
 * The results of a stack run, as numbers: each test adds its own, and the table at the
 * end shows them all.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

/** One line of the table. */
export interface BoardRow {
  /** What was counted, such as `panels with data`. Rows of the same name are added up. */
  readonly what: string;
  /** How many are as promised. */
  readonly good: number;
  readonly all: number;
  /** What is neither good nor bad and must be said, such as a panel that is rightly empty, with the reason. */
  readonly notes?: ReadonlyArray<string>;
}

const file = join(import.meta.dirname, "../../../.cache/stack/board.jsonl");

/** Forgets what earlier runs wrote. */
export const clearBoard = (): void => rmSync(file, { force: true });

/** Adds a row to the table of this run. */
export const record = (row: BoardRow): void => {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(row)}\n`);
};

/** The rows of this run, those of the same name added up. */
export const readBoard = (): ReadonlyArray<Required<BoardRow>> => {
  if (!existsSync(file)) return [];
  const rows = new Map<string, Required<BoardRow>>();
  for (const line of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
    const { what, good, all, notes = [] } = JSON.parse(line) as BoardRow;
    const so = rows.get(what) ?? { what, good: 0, all: 0, notes: [] };
    rows.set(what, { what, good: so.good + good, all: so.all + all, notes: [...so.notes, ...notes] });
  }
  return [...rows.values()];
};

/** The table as text. */
export const boardText = (rows: ReadonlyArray<Required<BoardRow>>): string => {
  if (rows.length === 0) return "The stack proved nothing: see above for what is missing.";
  const wide = Math.max(...rows.map(({ what }) => what.length));
  return rows
    .flatMap(({ what, good, all, notes }) => [
      `${good === all ? "✓" : "✗"} ${what.padEnd(wide)}  ${good} / ${all}`,
      ...notes.map((note) => `    ${note}`),
    ])
    .join("\n");
};
