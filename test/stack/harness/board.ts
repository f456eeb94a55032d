/**
 * The results of a stack run as numbers. Each test adds its own; a table at the end shows them all.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

/** One line of the table. */
export interface BoardRow {
  /** What was counted, such as `panels with data`. Rows with the same name are summed. */
  readonly what: string;
  /** How many are as expected. */
  readonly good: number;
  readonly all: number;
  /** How many are not, for a reason in the notes. Default: 0. */
  readonly excused?: number;
  /** Remarks, such as a panel that is empty as expected, with the reason. */
  readonly notes?: ReadonlyArray<string>;
}

const file = join(import.meta.dirname, "../../../.cache/stack/board.jsonl");

/** Removes the rows of earlier runs. */
export const clearBoard = (): void => rmSync(file, { force: true });

/** Adds a row to the table of this run. */
export const record = (row: BoardRow): void => {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(row)}\n`);
};

/** The rows of this run. Those with the same name are summed. */
export const readBoard = (): ReadonlyArray<Required<BoardRow>> => {
  if (!existsSync(file)) return [];
  const rows = new Map<string, Required<BoardRow>>();
  for (const line of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
    const { what, good, all, excused = 0, notes = [] } = JSON.parse(line) as BoardRow;
    const so = rows.get(what) ?? { what, good: 0, all: 0, excused: 0, notes: [] };
    rows.set(what, {
      what,
      good: so.good + good,
      all: so.all + all,
      excused: so.excused + excused,
      notes: [...so.notes, ...notes],
    });
  }
  return [...rows.values()];
};

/** The table as text. */
export const boardText = (rows: ReadonlyArray<Required<BoardRow>>): string => {
  if (rows.length === 0) return "No stack test ran: see above for what is missing.";
  const wide = Math.max(...rows.map(({ what }) => what.length));
  return rows
    .flatMap(({ what, good, all, excused, notes }) => [
      `${good + excused === all ? "✓" : "✗"} ${what.padEnd(wide)}  ${good} / ${all}`,
      ...notes.map((note) => `    ${note}`),
    ])
    .join("\n");
};
