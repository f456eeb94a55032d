/** Places panels on Grafana's grid, 24 columns wide, and gives them ids that depend only on their position. */
import type { Panel, RowPanel } from "@grafana/grafana-foundation-sdk/dashboard";

/** Panels side by side with their widths, which add up to 24. */
export interface Line {
  readonly height: number;
  readonly panels: ReadonlyArray<readonly [width: number, panel: Panel]>;
}

/**
 * Lines of panels under a heading. The first section of a dashboard has no heading: it shows whether anything is wrong.
 */
export interface Section {
  readonly title?: string;
  readonly lines: ReadonlyArray<Line>;
}

const gridWidth = 24;

/** A line of panels of equal width. If 24 is not divisible, the first ones are one column wider. */
export const line = (height: number, ...panels: ReadonlyArray<Panel>): Line => {
  const width = Math.floor(gridWidth / panels.length);
  const wider = gridWidth % panels.length;
  return { height, panels: panels.map((panel, index) => [index < wider ? width + 1 : width, panel]) };
};

const row = (id: number, title: string, y: number): RowPanel => ({
  type: "row",
  id,
  title,
  collapsed: false,
  gridPos: { h: 1, w: gridWidth, x: 0, y },
  panels: [],
});

/**
 * Returns the panels with their positions. The n-th panel of the s-th section has the id `100 × s + n`, so a panel
 * added to the end of a section does not change the address of another.
 */
export const layOut = (sections: ReadonlyArray<Section>): Array<Panel | RowPanel> => {
  const laid: Array<Panel | RowPanel> = [];
  let y = 0;
  sections.forEach(({ title, lines }, sectionIndex) => {
    const base = 100 * (sectionIndex + 1);
    let count = 0;
    if (title !== undefined) laid.push(row(base, title, y++));
    for (const { height, panels } of lines) {
      let x = 0;
      for (const [width, panel] of panels) {
        count += 1;
        const { id = base + count } = panel;
        laid.push({ ...panel, id, gridPos: { h: height, w: width, x, y } });
        x += width;
      }
      y += height;
    }
  });
  return laid;
};
