/** Prints the timeline of a call and the share of each phase. */
import { formatDuration, formatWholePercent } from "../../contract/format-numbers.ts";
import { columnsOf, fill, harmless, shorten, type Terminal } from "../terminal.ts";
import type { CallReport } from "./call-report.ts";
import type { RowKind, TimelineRow } from "./timeline.ts";

const colors = {
  call: "cyan",
  acquire: "yellow",
  boot: "magenta",
  attempt: "blue",
  backoff: "gray",
  server: "cyan",
  handler: "green",
  map: "cyan",
  other: "white",
} as const satisfies Record<RowKind, string>;

const durationColumns = 8;
const gap = "  ";

/** Returns the position and length of a row's bar within the call, in cells. */
const barOf = (row: TimelineRow, totalMs: number, cells: number): { before: number; length: number; open: boolean } => {
  const at = (ms: number): number => Math.round((Math.min(totalMs, Math.max(0, ms)) / Math.max(totalMs, 1e-6)) * cells);
  const before = Math.min(at(row.startMs), cells - 1);
  const length = Math.max(1, at(row.startMs + row.durationMs) - before);
  return { before, length, open: row.startMs + row.durationMs > totalMs * 1.01 + 1 };
};

const axis = (totalMs: number, cells: number): string => {
  const [middle, end] = [totalMs / 2, totalMs].map(formatDuration) as [string, string];
  const half = fill("0", Math.floor(cells / 2) - Math.floor(columnsOf(middle) / 2)) + middle;
  return half + end.padStart(Math.max(0, cells - columnsOf(half)));
};

/** Prints the timeline. A bar that ends in ▸ continues after the end of the call. */
export const printTimeline = (terminal: Terminal, { timeline, durationMs }: CallReport): void => {
  const half = Math.floor(terminal.columns / 2);
  const texts = timeline.map(({ branch, label, note }) => {
    const name = shorten(harmless(label), half - columnsOf(branch) - columnsOf(note ?? ""));
    return { branch, name, note };
  });
  const width = Math.max(
    ...texts.map(({ branch, name, note }) => columnsOf(branch + name) + (note === undefined ? 0 : columnsOf(note) + 1)),
  );
  const cells = terminal.columns - width - durationColumns - 2 * gap.length - 1;
  terminal.line(" ".repeat(width + durationColumns + 2 * gap.length) + terminal.style("dim", axis(durationMs, cells)));
  timeline.forEach((row, position) => {
    const { branch, name, note } = texts[position]!;
    const how = note === undefined ? "" : ` ${terminal.style(row.failed ? "red" : "yellow", note)}`;
    const { before, length, open } = barOf(row, durationMs, cells);
    const bar = terminal.style(row.failed ? "red" : colors[row.kind], "▇".repeat(length));
    const label = fill(terminal.style("dim", branch) + name + how, width);
    const took = formatDuration(row.durationMs).padStart(durationColumns);
    terminal.line(label + gap + took + gap + " ".repeat(before) + bar + (open ? "▸" : ""));
  });
};

const shareCells = 30;

/** Prints the time of each phase. Phases with a negligible share are combined. */
export const printPhases = (terminal: Terminal, { phases }: CallReport): void => {
  const small = phases.filter(({ share }) => share < 0.005);
  const rows: ReadonlyArray<readonly [name: string, ms: number, share: number]> = [
    ...phases.filter(({ share }) => share >= 0.005).map(({ phase, ms, share }) => [phase, ms, share] as const),
    ...(small.length === 0
      ? []
      : [
          [
            small.length === phases.length ? "all phases" : "all others",
            small.reduce((sum, { ms }) => sum + ms, 0),
            small.reduce((sum, { share }) => sum + share, 0),
          ] as const,
        ]),
  ];
  for (const [name, ms, share] of rows) {
    const bar = terminal.style("green", "█".repeat(Math.round(share * shareCells)));
    const percent = formatWholePercent(share).padStart(6);
    terminal.line(`  ${fill(name, 14)}${formatDuration(ms).padStart(durationColumns)}${percent}  ${bar}`);
  }
};
