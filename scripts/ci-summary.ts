/**
 * Ends a CI run with one line, `N passed, N failed`: the tests of both runtimes and of the stack, as counted by their
 * reports in `.cache`, and the checks.
 *
 * Usage: `node scripts/ci-summary.ts <checks passed> <checks failed> <exit code of npm test> <exit code of npm run
 * test:ecosystem> <exit code of npm run test:stack>`
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: ReadonlyArray<{
    readonly status: string;
    readonly assertionResults: ReadonlyArray<{ readonly status: string }>;
  }>;
}

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts files that failed to load: they have no tests. */
const filesThatFailed = ({ testResults }: Report): number =>
  testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  ).length;

const countTests = (run: string): Count => {
  const file = join(import.meta.dirname, "../.cache", `test-${run}.json`);
  if (!existsSync(file)) {
    console.log(`${run}: no report, so its tests did not finish`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  const count = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + filesThatFailed(report),
    skipped: report.numPendingTests + report.numTodoTests,
  };
  console.log(`${run}: ${count.passed} tests passed, ${count.failed} failed, ${count.skipped} skipped`);
  return count.passed === 0 ? { ...count, failed: Math.max(1, count.failed) } : count;
};

const [checksPassed = 0, checksFailed = 0, ...exitCodes] = process.argv.slice(2).map(Number);
const tests = [countTests("node"), countTests("bun"), countTests("ecosystem"), countTests("stack")];
const reported = tests.reduce((sum, { failed }) => sum + failed, 0);
const failed = checksFailed + (exitCodes.some((code) => code !== 0) && reported === 0 ? 1 : reported);
const passed = checksPassed + tests.reduce((sum, count) => sum + count.passed, 0);
const skipped = tests.reduce((sum, count) => sum + count.skipped, 0);

console.log(`checks: ${checksPassed} passed, ${checksFailed} failed`);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed === 0 ? 0 : 1;
