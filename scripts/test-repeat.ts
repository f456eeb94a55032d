/**
 * Finds tests that fail by chance: runs the whole suite again and again, on Node and on Bun, with two suites at a time on each
 * processor. Each suite gets half a processor at most, as beside a busy loop, and has one worker. Prints a table of the runs and
 * the tests that failed; fails if one did. A run's output and report are in `.cache/test-repeat-<run>-<runtime>.log` and `.json`.
 *
 * Without `taskset`, as on macOS, it cannot pin suites to processors and leaves their division to the system.
 *
 * Usage: `npm run test:repeat -- 20 [files or options of vitest]`
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { readReport, reportPath } from "./test-report.ts";

const [times = "20", ...forwarded] = process.argv.slice(2);
const count = Number(times);
if (!Number.isInteger(count) || count < 1) {
  console.error(`The number of runs is ${JSON.stringify(times)}. Give a whole number of at least 1.`);
  process.exit(2);
}

const suitesPerProcessor = 2;
const runtimes = ["node", "bun"] as const;
type Runtime = (typeof runtimes)[number];

interface Run {
  readonly number: number;
  readonly runtime: Runtime;
}

interface Result extends Run {
  readonly passed: number;
  readonly failures: ReadonlyArray<string>;
  readonly seconds: number;
}

const root = join(import.meta.dirname, "..");
mkdirSync(join(root, ".cache"), { recursive: true });
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};

/** The processors that this process may use, or `undefined` for each of them where processes cannot be pinned. */
const readProcessors = (): ReadonlyArray<number | undefined> => {
  const { status, stdout } = spawnSync("taskset", ["-cp", String(process.pid)], { encoding: "utf8" });
  const list = status === 0 ? /: ([\d,-]+)$/m.exec(stdout)?.[1] : undefined;
  if (list === undefined) return Array.from({ length: availableParallelism() });
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
};

/** The command of `npm run test:node` or `test:bun`, with a report of its own and one worker. */
const commandOf = (runtime: Runtime, name: string): ReadonlyArray<string> => {
  const script = scripts[`test:${runtime}`]!.replace(/\.cache\/test-\w+\.json/, `.cache/test-${name}.json`);
  return [...script.split(" "), "--maxWorkers=1", ...forwarded];
};

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGTERM");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const exitCodeOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => {
    children.add(child);
    child.once("error", reject).once("exit", (code) => {
      children.delete(child);
      resolve(code);
    });
  });

const runOn = async (processor: number | undefined, { number, runtime }: Run): Promise<Result> => {
  const name = `repeat-${number}-${runtime}`;
  rmSync(reportPath(name), { force: true });
  const log = openSync(join(root, `.cache/test-${name}.log`), "w");
  const pin = processor === undefined ? [] : ["taskset", "-c", String(processor)];
  const [program = "", ...args] = [...pin, ...commandOf(runtime, name)];
  const startedAt = performance.now();
  const exitCode = await exitCodeOf(spawn(program, args, { cwd: root, stdio: ["ignore", log, log] }));
  closeSync(log);
  const report = readReport(name);
  const failed = report?.failures ?? [];
  const failures = failed.length > 0 || exitCode === 0 ? failed : [`the run itself ended with ${exitCode}`];
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  return { number, runtime, passed: report?.passed ?? 0, failures, seconds };
};

const rowOf = ({ number, runtime, passed, failures, seconds }: Result): string =>
  `| ${[number, runtime, passed, failures.length, `${seconds} s`, failures.join("; ")].join(" | ")} |`;

const processors = readProcessors();
const waiting = Array.from({ length: count }, (_, index) =>
  runtimes.map((runtime): Run => ({ number: index + 1, runtime })),
).flat();
const results: Array<Result> = [];

const work = async (processor: number | undefined): Promise<void> => {
  for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) {
    const result = await runOn(processor, run);
    results.push(result);
    console.log(rowOf(result));
  }
};
await Promise.all(processors.flatMap((processor) => Array.from({ length: suitesPerProcessor }, () => work(processor))));

results.sort(
  (left, right) => left.number - right.number || runtimes.indexOf(left.runtime) - runtimes.indexOf(right.runtime),
);
const where = processors[0] === undefined ? "not pinned" : "each pinned";
console.log(
  `\n${count} runs on Node and Bun, ${suitesPerProcessor} suites at a time on each of ${processors.length} processors, ${where}\n`,
);
console.log("| run | runtime | passed | failed | time | failed tests |\n| --: | --- | --: | --: | --: | --- |");
for (const result of results) console.log(rowOf(result));
const failedRuns = Map.groupBy(
  results.flatMap(({ runtime, failures }) => failures.map((name) => `${runtime} ${name}`)),
  (name) => name,
);
for (const [name, runs] of failedRuns) console.log(`\nfailed in ${runs.length} of ${count}: ${name}`);
console.log(
  failedRuns.size === 0
    ? "\nNo test failed."
    : "\nThe output of each run is in .cache/test-repeat-<run>-<runtime>.log.",
);
process.exit(failedRuns.size === 0 ? 0 : 1);
