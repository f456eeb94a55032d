/** Draws a panel as an SVG that reads on light and on dark pages: lines, an axis with units, and where the incident begins. */
import type { PanelSeries, PanelView } from "./panels.ts";
import { withUnit } from "./unit-text.ts";

const size = { width: 720, height: 260, left: 74, right: 16, top: 46, bottom: 58 } as const;
const plotWidth = size.width - size.left - size.right;
const plotHeight = size.height - size.top - size.bottom;
const lineColors = ["#3b82f6", "#f59e0b", "#10b981", "#ef4444", "#8b5cf6", "#06b6d4", "#ec4899", "#84cc16"] as const;
const mostSeries = lineColors.length;
const gridLines = 4;

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** A round number that is no less. */
const roundUp = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].find((factor) => factor * power >= value * 0.999) ?? 10) * power;
};

const points = ({ samples }: PanelSeries): ReadonlyArray<{ readonly atMs: number; readonly value: number }> =>
  samples.filter(({ value }) => Number.isFinite(value));

/** Pieces of a line: it is broken where samples are missing. */
const pieces = (series: PanelSeries, gapMs: number): ReadonlyArray<ReadonlyArray<{ atMs: number; value: number }>> => {
  const all: Array<Array<{ atMs: number; value: number }>> = [];
  for (const point of points(series)) {
    const last = all.at(-1);
    if (last === undefined || point.atMs - last.at(-1)!.atMs > gapMs) all.push([point]);
    else last.push(point);
  }
  return all;
};

const style = `
  text { font: 12px system-ui, sans-serif; fill: #57606a; }
  .title { font-size: 14px; font-weight: 600; fill: #24292f; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .mark { stroke-width: 1.5; stroke-dasharray: 4 3; }
  line.broken { stroke: #cf222e; }
  text.broken { fill: #cf222e; }
  line.fires { stroke: #bf8700; }
  text.fires { fill: #9a6700; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1; }
    .title { fill: #f0f6fc; }
    .grid { stroke: #3d444d; }
    text.broken { fill: #f85149; }
    text.fires { fill: #d29922; }
  }`;

/** The picture of a panel, as the text of an SVG file; with when the alert fired, if it did. */
export const drawChart = (view: PanelView, title: string, firesAtMs: number | undefined): string => {
  const { series, range, brokenAtMs, unit, panel, dashboard } = view;
  const spanMs = range.endMs - range.startMs;
  const shown = series
    .filter((one) => points(one).some(({ value }) => value > 0))
    .toSorted(
      (one, another) =>
        Math.max(...points(another).map(({ value }) => value)) - Math.max(...points(one).map(({ value }) => value)),
    )
    .slice(0, mostSeries);
  const highest = Math.max(0, ...shown.flatMap((one) => points(one).map(({ value }) => value)));
  const top = roundUp((highest || 1) * 1.1);
  const x = (atMs: number): string => (size.left + ((atMs - range.startMs) / spanMs) * plotWidth).toFixed(1);
  const y = (value: number): string => (size.top + plotHeight - (value / top) * plotHeight).toFixed(1);
  const right = size.width - size.right;
  const bottom = size.top + plotHeight;

  const grid = Array.from({ length: gridLines + 1 }, (_, line) => {
    const value = (top / gridLines) * line;
    return (
      `<line class="grid" x1="${size.left}" x2="${right}" y1="${y(value)}" y2="${y(value)}"/>` +
      `<text x="${size.left - 8}" y="${Number(y(value)) + 4}" text-anchor="end">${escape(withUnit(value, unit))}</text>`
    );
  });
  const minutes = Array.from(
    { length: Math.floor((range.endMs - brokenAtMs) / 60_000) + Math.floor((brokenAtMs - range.startMs) / 60_000) + 1 },
    (_, index) => index - Math.floor((brokenAtMs - range.startMs) / 60_000),
  ).filter((minute) => minute % Math.ceil(spanMs / 60_000 / 12) === 0);
  const times = minutes.map(
    (minute) =>
      `<text x="${x(brokenAtMs + minute * 60_000)}" y="${bottom + 18}" text-anchor="middle">${minute === 0 ? "0" : `${minute} min`}</text>`,
  );
  const lines = shown.map((one, index) => {
    const paths = pieces(one, 60_000).map(
      (piece) => `M${piece.map(({ atMs, value }) => `${x(atMs)},${y(value)}`).join("L")}`,
    );
    return `<path class="line" stroke="${lineColors[index]}" d="${paths.join("")}"/>`;
  });
  let legendAt = size.left;
  const legend = shown.map((one, index) => {
    const name = one.name;
    const mark = `<rect x="${legendAt}" y="${bottom + 33}" width="12" height="4" rx="2" fill="${lineColors[index]}"/><text x="${legendAt + 18}" y="${bottom + 40}">${escape(name)}</text>`;
    legendAt += 34 + name.length * 6.6;
    return mark;
  });
  const marks = [
    { atMs: brokenAtMs, text: title.toLowerCase(), kind: "broken" },
    ...(firesAtMs === undefined ? [] : [{ atMs: firesAtMs, text: "the alert fires", kind: "fires" }]),
  ].map(({ atMs, text, kind }, index) => {
    const at = Number(x(atMs));
    const [textAt, anchor] = at > size.width * 0.75 ? [at - 5, "end"] : [at + 5, "start"];
    return (
      `<line class="mark ${kind}" x1="${at}" x2="${at}" y1="${size.top - 12}" y2="${bottom}"/>` +
      `<text class="${kind}" x="${textAt}" y="${size.top - 4 + 14 * index}" text-anchor="${anchor}">${escape(text)}</text>`
    );
  });

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img">
<title>${escape(`${dashboard}, ${panel.panel}: ${title}`)}</title>
<style>${style}
</style>
<text class="title" x="${size.left}" y="20">${escape(panel.panel)}</text>
<text x="${right}" y="20" text-anchor="end">${escape(dashboard)}</text>
${grid.join("\n")}
${times.join("\n")}
${lines.join("\n")}
${marks.join("\n")}
${legend.join("\n")}
</svg>
`;
};
