/**
 * Finds tests that fail by chance: runs the whole suite again and again, on one processor that a busy loop uses as well, on Node
 * and then on Bun. Prints a table of the runs and the tests that failed; fails if one did.
 *
 * Without `taskset`, as on macOS, it cannot pin to a processor and keeps all of them busy instead.
 *
 * Usage: `npm run test:repeat -- 20 [files or options of vitest]`
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, openSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { readReport, reportPath } from "./test-report.ts";

const [times = "20", ...forwarded] = process.argv.slice(2);
const count = Number(times);
if (!Number.isInteger(count) || count < 1) {
  console.error(`The number of runs is ${JSON.stringify(times)}. Give a whole number of at least 1.`);
  process.exit(2);
}

const cache = join(import.meta.dirname, "../.cache");
const log = join(cache, "test-repeat.log");
mkdirSync(cache, { recursive: true });

const pinned = spawnSync("taskset", ["-c", "0", "true"]).status === 0;
const onOneProcessor = (command: ReadonlyArray<string>): readonly [string, ...ReadonlyArray<string>] =>
  (pinned ? ["taskset", "-c", "0", ...command] : command) as [string, ...Array<string>];

const start = (command: ReadonlyArray<string>, output: "ignore" | number): ChildProcess => {
  const [program, ...args] = onOneProcessor(command);
  return spawn(program, args, { stdio: ["ignore", output, output] });
};

const exitCodeOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => child.once("error", reject).once("exit", resolve));

const stress = Array.from({ length: pinned ? 1 : availableParallelism() }, () =>
  start([process.execPath, "--eval", "for (;;);"], "ignore"),
);
process.once("exit", () => {
  for (const loop of stress) loop.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const rows: Array<string> = [];
const failedRuns = new Map<string, number>();
for (let run = 1; run <= count; run++) {
  for (const runtime of ["node", "bun"] as const) {
    rmSync(reportPath(runtime), { force: true });
    const startedAt = performance.now();
    const command = ["npm", "run", "--silent", `test:${runtime}`, "--", ...forwarded];
    const exitCode = await exitCodeOf(start(command, openSync(log, "a")));
    const report = readReport(runtime);
    const failures = report?.failures ?? [];
    const named = failures.length > 0 || exitCode === 0 ? failures : [`the run itself ended with ${exitCode}`];
    for (const name of named) failedRuns.set(`${runtime} ${name}`, (failedRuns.get(`${runtime} ${name}`) ?? 0) + 1);
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    const row = [run, runtime, report?.passed ?? 0, named.length, `${seconds} s`, named.join("; ")];
    rows.push(`| ${row.join(" | ")} |`);
    console.log(rows.at(-1));
  }
}

console.log(
  `\n${count} runs, ${pinned ? "on one processor with a busy loop" : "beside a busy loop for each processor"}\n`,
);
console.log("| run | runtime | passed | failed | time | failed tests |\n| --: | --- | --: | --: | --: | --- |");
console.log(rows.join("\n"));
for (const [name, runs] of failedRuns) console.log(`\nfailed in ${runs} of ${count}: ${name}`);
console.log(failedRuns.size === 0 ? "\nNo test failed." : `\nThe output of the tests is in ${log}.`);
process.exit(failedRuns.size === 0 ? 0 : 1);
