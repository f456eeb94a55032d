/** A panel in one line of text: eight heights, and where the incident begins. */
import type { PanelView } from "./panels.ts";

const heights = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** The highest value of the series that count, within each of so many equal stretches; `undefined` where there is none. */
const columnsOf = ({ counting, range }: PanelView, count: number): ReadonlyArray<number | undefined> => {
  const stepMs = (range.endMs - range.startMs) / count;
  const columns: Array<number | undefined> = Array.from({ length: count }, () => undefined);
  for (const { atMs, value } of counting.flatMap(({ samples }) => samples)) {
    if (!Number.isFinite(value)) continue;
    const column = Math.min(count - 1, Math.floor((atMs - range.startMs) / stepMs));
    columns[column] = Math.max(columns[column] ?? -Infinity, value);
  }
  return columns;
};

/** At most so many characters, with `│` in front of the first one of the incident. */
export const sparkline = (view: PanelView, most: number): string => {
  const count = Math.min(most, Math.floor((view.range.endMs - view.range.startMs) / view.stepMs));
  const columns = columnsOf(view, count);
  const top = Math.max(Number.MIN_VALUE, ...columns.filter((value) => value !== undefined));
  const broken = Math.round(((view.brokenAtMs - view.range.startMs) / (view.range.endMs - view.range.startMs)) * count);
  return columns
    .map((value, column) => {
      const cell = value === undefined ? " " : heights[Math.min(7, Math.max(0, Math.floor((value / top) * 8)))]!;
      return column === broken ? `│${cell}` : cell;
    })
    .join("");
};
