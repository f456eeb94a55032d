/**
 * Checks the subjects of commits: `area: what`, at most 72 characters. Merge commits are skipped.
 *
 * Usage: `node scripts/check-commits.ts <range>`, such as `main..HEAD`
 */
import { execFileSync } from "node:child_process";

const maxLength = 72;
const subject = /^[a-z][a-z0-9-]*(\([a-z0-9-]+\))?: \S.*[^\s.]$/;

const [range = "main..HEAD"] = process.argv.slice(2);
const log = execFileSync("git", ["log", "--no-merges", "--format=%h %s", range, "--"], { encoding: "utf8" });
const commits = log.split("\n").filter((line) => line !== "");

let failures = 0;
for (const commit of commits) {
  const text = commit.slice(commit.indexOf(" ") + 1);
  const faults = [
    ...(text.length > maxLength ? [`${text.length} characters; use at most ${maxLength}`] : []),
    ...(subject.test(text) ? [] : ["use `area: what`, such as `pool: shrink under a trickle of calls`"]),
  ];
  if (faults.length === 0) continue;
  failures += 1;
  console.error(`✗ ${commit}: ${faults.join("; ")}`);
}
if (failures > 0) process.exit(1);
console.log(`✓ ${commits.length} commit subjects in ${range}`);
