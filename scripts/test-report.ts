/** Reads the reports that Vitest writes as JSON into `.cache`. */
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const root = join(import.meta.dirname, "..");

interface Report {
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: ReadonlyArray<{
    readonly name: string;
    readonly status: string;
    readonly assertionResults: ReadonlyArray<{ readonly status: string; readonly fullName: string }>;
  }>;
}

/** What became of the tests of one run. */
export interface TestCounts {
  readonly passed: number;
  readonly skipped: number;
  /** The tests that failed, as `file: name`; a file that cannot be loaded stands for its tests. */
  readonly failures: ReadonlyArray<string>;
}

/** Path of the report of a run, such as `node`. */
export const reportPath = (run: string): string => join(root, ".cache", `test-${run}.json`);

/** Reads the report of a run; `undefined` if the run did not get as far as writing one. */
export const readReport = (run: string): TestCounts | undefined => {
  const path = reportPath(run);
  if (!existsSync(path)) return undefined;
  const report = JSON.parse(readFileSync(path, "utf8")) as Report;
  const failures = report.testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (failed.length === 0 && status === "failed") return [`${file}: could not be loaded`];
    return failed.map(({ fullName }) => `${file}: ${fullName}`);
  });
  return { passed: report.numPassedTests, skipped: report.numPendingTests + report.numTodoTests, failures };
};
