/**
 * Ends a CI run with one line, `N passed, N failed`: the tests of every run, as their reports in `.cache` count them, and the
 * steps beside them.
 *
 * Usage: `node scripts/ci-summary.ts <steps passed> <steps failed> <runs>=<exit code>…`, where runs are the names of the reports
 * that one command writes, with commas between them: `node,bun` for `.cache/test-node.json` and `.cache/test-bun.json`.
 */
import { readReport } from "./test-report.ts";

const [stepsPassed = "0", stepsFailed = "0", ...runs] = process.argv.slice(2);
let passed = Number(stepsPassed);
let failed = Number(stepsFailed);
let skipped = 0;

for (const argument of runs) {
  const [names = "", exitCode] = argument.split("=");
  let failures = 0;
  for (const name of names.split(",")) {
    const report = readReport(name);
    if (report === undefined) {
      console.log(`${name}: no report, so its tests did not run to the end`);
      failures++;
      continue;
    }
    // A run that found no test has failed as well.
    failures += report.passed === 0 ? Math.max(1, report.failures.length) : report.failures.length;
    passed += report.passed;
    skipped += report.skipped;
    console.log(`${name}: ${report.passed} tests passed, ${report.failures.length} failed, ${report.skipped} skipped`);
    for (const failure of report.failures) console.log(`  ✗ ${failure}`);
  }
  if (exitCode !== "0" && failures === 0) {
    console.log(`${names}: ended with ${exitCode}, though no test failed`);
    failures++;
  }
  failed += failures;
}

console.log(`steps: ${stepsPassed} passed, ${stepsFailed} failed`);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed === 0 ? 0 : 1;
