/** Lays panels out on Grafana's grid, 24 columns wide, and gives them ids that depend on nothing but their place. */
import type { Panel, RowPanel } from "@grafana/grafana-foundation-sdk/dashboard";

/** Panels beside each other, with their widths; together 24. */
export interface Line {
  readonly height: number;
  readonly panels: ReadonlyArray<readonly [width: number, panel: Panel]>;
}

/** Lines under a heading. The first section of a dashboard has none: it answers whether anything is wrong. */
export interface Section {
  readonly title?: string;
  readonly lines: ReadonlyArray<Line>;
}

export const gridWidth = 24;

/** A line of equally wide panels. */
export const line = (height: number, ...panels: ReadonlyArray<Panel>): Line => ({
  height,
  panels: panels.map((panel) => [gridWidth / panels.length, panel]),
});

const row = (id: number, title: string, y: number): RowPanel => ({
  type: "row",
  id,
  title,
  collapsed: false,
  gridPos: { h: 1, w: gridWidth, x: 0, y },
  panels: [],
});

/**
 * The panels in their places. The n-th panel of the s-th section has the id `100 × s + n`, so that what is added to the
 * end of a section changes no other panel's address.
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
