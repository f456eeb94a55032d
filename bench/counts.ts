/**
 * `npm run bench:counts`: counts what one call makes and compares it with `results/counts.json`. The counts do not
 * depend on the load of the machine. `--update` commits the counts of this run.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compareAll, type Expectation } from "./harness/compare.ts";
import { table } from "./harness/report.ts";
import type { BothSides, FunctionCounts, ResourceCounts } from "./works/counts.ts";

type Count = keyof FunctionCounts | keyof ResourceCounts;
type Counts = BothSides<Readonly<Record<Count, number>>>;

const committedFile = join(import.meta.dirname, "results/counts.json");

/** How far a count may be from the committed one: a timer of telemetry may fall into a call, and compilers differ. */
const bands: Readonly<Record<Count, number>> = {
  functions: 0.02,
  invocations: 0.02,
  fibers: 0,
  promises: 0,
  timers: 0,
  bytes: 0.1,
};

const count = <A>(kind: "functions" | "resources", flags: ReadonlyArray<string>): BothSides<A> => {
  const args = [...flags, join(import.meta.dirname, "works/counts.ts"), kind];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as BothSides<A>;
};

const measure = (): Counts => {
  const functions = count<FunctionCounts>("functions", ["--no-opt", "--no-maglev"]);
  const youngGeneration = ["--min-semi-space-size=256", "--max-semi-space-size=256"];
  const resources = count<ResourceCounts>("resources", ["--expose-gc", ...youngGeneration]);
  return {
    parent: { ...functions.parent, ...resources.parent },
    runner: { ...functions.runner, ...resources.runner },
  };
};

const byName = <A>(counts: Counts, of: (value: number, count: Count) => A): ReadonlyMap<string, A> =>
  new Map(
    (["parent", "runner"] as const).flatMap((side) =>
      Object.entries(counts[side]).map(([name, value]) => [`${side}: ${name}`, of(value, name as Count)] as const),
    ),
  );

const measured = measure();
if (process.argv.includes("--update")) {
  writeFileSync(committedFile, `${JSON.stringify(measured, undefined, 2)}\n`);
  console.log(JSON.stringify(measured, undefined, 2));
} else {
  const committed = JSON.parse(readFileSync(committedFile, "utf8")) as Counts;
  const expected = byName(committed, (value, name): Expectation => ({ value, band: bands[name], better: "lower" }));
  const comparisons = compareAll(
    byName(measured, (value) => value),
    expected,
  );
  console.log(
    table(
      ["one call", "committed", "measured", ""],
      comparisons.map((one) => [one.name, String(one.expected.value), String(one.measured), one.outcome]),
    ),
  );
  if (comparisons.some(({ outcome }) => outcome === "better"))
    console.log("Some counts are lower than committed. Commit them: npm run bench:counts -- --update");
  if (comparisons.some(({ outcome }) => outcome === "worse")) {
    console.error("✗ A call makes more than before. See npm run warm-path -- --list. If intended: -- --update");
    process.exit(1);
  }
  console.log("✓ A call makes no more than committed.");
}
