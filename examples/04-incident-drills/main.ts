/**
 * Breaks real programs in known ways, all at the same time, and shows that the alert
 * fires that must and no other page does, that the panels move, and that a trace tells
 * the cause. With a real Prometheus and Alertmanager, and the rules as they ship.
 *
 *   npm run example:drills [-- name...] [--short] [--pictures folder]
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { serverPath } from "../../test/stack/harness/servers.ts";
import { duration, print, styled } from "../shared/terminal.ts";
import { AlertWatch } from "./alerts.ts";
import { chooseDrills } from "./choose-drills.ts";
import type { Drill } from "./drill.ts";
import { type DrillResult, holdMs, evaluate, runDrill } from "./drill-run.ts";
import { writePictures } from "./pictures.ts";
import { type DrillProgram, startProgram } from "./program-process.ts";
import { printDrill, printTable } from "./report.ts";
import { type Stack, startStack } from "./stack.ts";
import { summaryOf } from "./summary.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: "boolean" }, pictures: { type: "string" } },
});

/** The drills that are wanted, on a machine that has what they need; otherwise says what to do, and ends. */
const choose = (): ReadonlyArray<Drill> => {
  try {
    for (const server of ["prometheus", "alertmanager", "promtool"] as const) serverPath(server);
    return chooseDrills(positionals, values.short === true);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
};

const chosen = choose();
process.once("SIGINT", () => process.exit(130));

const out = join(import.meta.dirname, "out");
await mkdir(out, { recursive: true });
const resultsFile = join(out, "results.json");
await rm(resultsFile, { force: true });
const startedAt = performance.now();
const tell = (what: string): void =>
  print(`${styled("dim", `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`.padStart(8))}  ${what}`);

const programs: Array<DrillProgram> = [];
let stack: Stack | undefined;
let stopWatching: (() => Promise<void>) | undefined;
const results: Array<DrillResult> = [];
try {
  for (const drill of chosen) {
    tell(`starting the program of ${drill.name}`);
    programs.push(await startProgram(drill, out));
  }
  stack = await startStack(
    programs.flatMap(({ targets }) => targets),
    out,
    tell,
  );
  const watch = new AlertWatch(stack.prometheus, stack.pager);
  await stack.untilQuiet();
  stopWatching = watch.keepLooking();

  const longest = Math.max(...chosen.map(holdMs)) / 60_000;
  tell(
    `breaking ${chosen.length === 1 ? "it" : `all ${chosen.length}`}; ` +
      (longest === 0 ? "the alert fires as soon as it is true" : `the slowest alert must be true for ${longest} min`),
  );
  const runs = await Promise.all(
    programs.map(async (program) => {
      const run = await runDrill(program, stack!, watch);
      tell(
        `${program.drill.name} showed ${evaluate(run, watch).asPromised ? "what it promised" : "less than it promised"}`,
      );
      return run;
    }),
  );
  await Promise.all(programs.map((program) => program.order("heal")));
  results.push(...runs.map((run) => evaluate(run, watch)));
} finally {
  await stopWatching?.();
  await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
  await stack?.[Symbol.asyncDispose]();
}

await writeFile(resultsFile, `${JSON.stringify(results.map(summaryOf), undefined, 2)}\n`);
for (const result of results) printDrill(result);
const took = duration((performance.now() - startedAt) / 1_000);
if (!printTable(results, took)) process.exitCode = 1;
if (values.pictures !== undefined) await writePictures(results, values.pictures);
