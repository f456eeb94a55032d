/** Draws a timeline: one column for each stretch of time, one band of rows for each thing that changes. */
import { heading, padEnd, print, type Style, styled, width } from "../shared/terminal.ts";
import type { Sample, Timeline } from "./timeline.ts";

type RunnerState = keyof Sample["stats"]["runners"];

interface StateLook {
  readonly state: RunnerState;
  readonly glyph: string;
  readonly style: Style;
}

/** From the bottom of a column to its top. */
const stateLooks: ReadonlyArray<StateLook> = [
  { state: "busy", glyph: "█", style: "green" },
  { state: "idle", glyph: "░", style: "green" },
  { state: "draining", glyph: "▾", style: "blue" },
  { state: "ejected", glyph: "×", style: "red" },
  { state: "booting", glyph: "▴", style: "yellow" },
];

const labelWidth = 12;
/** What stands behind a band: its highest value. */
const asideWidth = 18;
const mostColumns = 110;
const eighths = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** What happened within the time of one column. */
interface Column {
  /** The pool at its end. */
  readonly last: Sample["stats"];
  readonly pending: number;
  readonly saturation: number;
  readonly made: number;
  readonly refused: number;
}

const columnsOf = (samples: ReadonlyArray<Sample>, stepMs: number, count: number): ReadonlyArray<Column> => {
  let before = samples[0]!;
  return Array.from({ length: count }, (_, index) => {
    const within = samples.filter(({ atMs }) => Math.min(count - 1, Math.floor(atMs / stepMs)) === index);
    const last = within.at(-1) ?? before;
    const seen = within.length === 0 ? [last] : within;
    const column = {
      last: last.stats,
      pending: Math.max(...seen.map(({ stats }) => stats.pending)),
      saturation: Math.max(...seen.map(({ stats }) => stats.slotsUsed / stats.slotsLimit)),
      made: last.made - before.made,
      refused: last.refused - before.refused,
    };
    before = last;
    return column;
  });
};

const printRow = (label: string, cells: string, aside = ""): void =>
  print(
    `${padEnd(styled("dim", label), labelWidth)}${cells}${aside === "" ? "" : `  ${styled("dim", aside)}`}`.trimEnd(),
  );

/** Bars of eighths, `rows` high; the label and the aside stand at the top one. */
const printBars = (
  label: string,
  values: ReadonlyArray<number>,
  highest: number,
  style: Style,
  rows: number,
  aside: string,
): void => {
  for (let row = rows - 1; row >= 0; row--) {
    const cells = values.map((value) => {
      const filled = value === 0 ? 0 : Math.max(1, Math.round((value / highest) * rows * 8));
      return eighths[Math.min(8, Math.max(0, filled - row * 8))]!;
    });
    const top = row === rows - 1;
    printRow(top ? label : "", styled(style, cells.join("")), top ? aside : "");
  }
};

const runnersAt = ({ last }: Column): ReadonlyArray<StateLook> =>
  stateLooks.flatMap((look) => Array.from({ length: last.runners[look.state] }, () => look));

const printRunners = (columns: ReadonlyArray<Column>): void => {
  const stacks = columns.map(runnersAt);
  const most = Math.max(1, ...stacks.map((stack) => stack.length));
  for (let row = most - 1; row >= 0; row--) {
    const cells = stacks.map(({ [row]: look }) => (look === undefined ? " " : styled(look.style, look.glyph)));
    const top = row === most - 1;
    printRow(top ? "runners" : "", cells.join(""), top ? `most ${most}` : "");
  }
};

/** Texts that begin at their columns, each cut off where the next one begins. */
const textsAt = (texts: ReadonlyArray<readonly [column: number, text: string]>, count: number): string =>
  texts.reduce((line, [column, text], index) => {
    const room = (texts[index + 1]?.[0] ?? count) - column;
    return line.padEnd(column) + text.slice(0, Math.max(0, room));
  }, "");

/** Prints the timeline; fits the terminal. */
export const printChart = ({ samples, marks }: Timeline): void => {
  const tookMs = samples.at(-1)!.atMs;
  const count = Math.min(mostColumns, width - labelWidth - asideWidth);
  const stepMs = tookMs / count;
  const columnOf = (atMs: number): number => Math.min(count - 1, Math.floor(atMs / stepMs));
  const columns = columnsOf(samples, stepMs, count);
  const highest = (of: (column: Column) => number): number => Math.max(...columns.map(of));
  const mostCalls = Math.max(
    1,
    highest(({ made }) => made),
  );
  const { maxQueue } = columns[0]!.last.bounds;
  const deepest = highest(({ pending }) => pending);
  const fullest = highest(({ saturation }) => saturation);
  const kills = new Set(marks.filter(({ kind }) => kind === "killed").map(({ atMs }) => columnOf(atMs)));
  const perSecond = (calls: number): string => `${Math.round((calls / stepMs) * 1000)}/s`;

  heading("The pool over time", `from flame.pools.jobs.stats(); a column is ${Math.round(stepMs)} ms`);
  const starts = marks.filter(({ kind }) => kind === "phase");
  printRow(
    "",
    textsAt(
      starts.map(({ atMs, text }) => [columnOf(atMs), `│${text}`]),
      count,
    ),
  );
  printBars(
    "calls",
    columns.map(({ made }) => made),
    mostCalls,
    "cyan",
    2,
    `most ${perSecond(mostCalls)}`,
  );
  printBars(
    "refused",
    columns.map(({ refused }) => refused),
    mostCalls,
    "red",
    1,
    `most ${perSecond(highest(({ refused }) => refused))}`,
  );
  printBars(
    "queue",
    columns.map(({ pending }) => pending),
    maxQueue,
    "yellow",
    3,
    `most ${deepest} of ${maxQueue}`,
  );
  printRunners(columns);
  printBars(
    "saturation",
    columns.map(({ saturation }) => saturation),
    1,
    "magenta",
    2,
    `most ${Math.round(fullest * 100)}%`,
  );
  printRow("killed", columns.map((_, index) => (kills.has(index) ? styled("red", "✗") : " ")).join(""));
  const seconds = Array.from({ length: Math.floor(tookMs / 2000) + 1 }, (_, index) => index * 2);
  printRow(
    "",
    textsAt(
      seconds.map((second) => [columnOf(second * 1000), `${second} s`]),
      count,
    ),
  );
  printRow("", stateLooks.map(({ state, glyph, style }) => `${styled(style, glyph)} ${state}`).join("  "));
};
