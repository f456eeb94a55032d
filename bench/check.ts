/**
 * `npm run bench:check`: a short run of Firelight and bare HTTP whose ratios are compared with
 * `results/baseline.json`. Fails if one is worse than its noise band in two runs. Rates count only if the machine was
 * quiet; CPU time per call counts always. `--update` commits the ratios of this run, `--runtime=bun` runs Bun.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Comparison, compareAll, type Expectation } from "./harness/compare.ts";
import { entries, type Runtime } from "./harness/contestant.ts";
import { ratiosOf } from "./harness/ratios.ts";
import { table } from "./harness/report.ts";
import { run } from "./harness/run.ts";

type Baseline = Partial<Record<Runtime, Readonly<Record<string, Expectation>>>>;

const committedFile = join(import.meta.dirname, "results/baseline.json");

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: "node" },
    update: { type: "boolean", default: false },
  },
});
const runtime = values.runtime as Runtime;

const measure = async () =>
  ratiosOf(
    await run({
      runtime,
      contestants: entries.filter(({ peer, id }) => !peer && id !== "firelight-http"),
      works: ["call", "rich"],
      programs: ["local", "memory", "pool"],
      concurrency: [1, 16],
      rounds: 7,
      sliceMs: 200,
      maxOthers: 0.12,
      tries: 2,
      onProgress: console.error,
    }),
  );

const readBaseline = (): Baseline => {
  try {
    return JSON.parse(readFileSync(committedFile, "utf8")) as Baseline;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
};

const short = (value: number): string => String(Number(value.toPrecision(3)));

const print = (comparisons: ReadonlyArray<Comparison>): void =>
  console.log(
    table(
      ["ratio", "committed", "band", "measured", ""],
      comparisons.map(({ name, expected, measured, outcome }) => [
        name,
        short(expected.value),
        `${Math.round(expected.band * 100)}%`,
        short(measured),
        outcome,
      ]),
    ),
  );

const update = async (): Promise<void> => {
  const measured = [...(await measure())];
  const expectations = Object.fromEntries(
    measured.map(([name, { value, band, better }]) => [name, { value: Number(short(value)), band, better }]),
  );
  writeFileSync(committedFile, `${JSON.stringify({ ...readBaseline(), [runtime]: expectations }, undefined, 2)}\n`);
  console.log(`Written to ${committedFile}.`);
};

/** Compares one run and returns the names of what is worse. */
const check = async (): Promise<ReadonlySet<string>> => {
  const expected = new Map(Object.entries(readBaseline()[runtime] ?? {}));
  if (expected.size === 0) throw new Error(`baseline.json has nothing for ${runtime}. Run with --update first.`);
  const measured = new Map([...(await measure())].map(([name, { value }]) => [name, value]));
  const comparisons = compareAll(measured, expected);
  print(comparisons);
  if (comparisons.some(({ outcome }) => outcome === "better"))
    console.log(
      "Some ratios are better than committed. On a quiet machine, commit them: npm run bench:check -- --update",
    );
  return new Set(comparisons.filter(({ outcome }) => outcome === "worse").map(({ name }) => name));
};

if (values.update) await update();
else {
  let worse = await check();
  if (worse.size > 0) {
    console.log(`\nWorse than committed: ${[...worse].join("; ")}. Measuring once more.\n`);
    const again = await check();
    worse = new Set([...worse].filter((name) => again.has(name)));
  }
  for (const name of worse) console.error(`✗ ${name}: worse than committed in two runs.`);
  if (worse.size > 0) process.exit(1);
  console.log("✓ No ratio is worse than committed.");
}
process.exit(0);
