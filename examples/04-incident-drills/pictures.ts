/** Pictures of panels while their drill goes on, drawn from what their own queries gave. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { print } from "../shared/terminal.ts";
import type { DrillResult } from "./drill-run.ts";
import { drawChart } from "./svg-chart.ts";

const fileName = (drill: string, panel: string): string =>
  `${drill}-${panel
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")}.svg`;

/** Writes one picture for each panel of the drills that is pictured. */
export const writePictures = async (results: ReadonlyArray<DrillResult>, folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true });
  for (const { program, panels, expected } of results) {
    for (const view of panels.filter(({ panel }) => panel.pictured)) {
      const file = join(folder, fileName(program.drill.name, view.panel.panel));
      await writeFile(file, drawChart(view, program.drill.title, expected?.firingAtMs));
      print(`drawn: ${file}`);
    }
  }
};
