/**
 * Validates the rules with promtool: that Prometheus can load them, and that each alert fires under its fault and does
 * not fire without it (`otel/rules/tests`). Needs promtool 2.42 or newer on the PATH.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";

process.chdir(join(import.meta.dirname, ".."));

const promtool = (...args: ReadonlyArray<string>): boolean => {
  const { error, status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8" });
  if (error !== undefined) {
    console.error(`✗ Failed to start promtool: ${error.message}. On Debian: apt-get install prometheus`);
    return false;
  }
  if (status !== 0) console.error(`${stdout}${stderr}`.trim());
  console.log(`${status === 0 ? "✓" : "✗"} promtool ${args.join(" ")}`);
  return status === 0;
};

const rules = globSync("otel/rules/*.yaml").toSorted();
const tests = globSync("otel/rules/tests/*.yaml").toSorted();
if (rules.length === 0 || tests.length === 0) throw new Error("otel/rules contains no rules or no tests.");

const good =
  promtool("check", "rules", ...rules) && tests.map((file) => promtool("test", "rules", file)).every(Boolean);
if (!good) process.exitCode = 1;
