/**
 * Type-checks everything: the root project, and each folder with a
 * `tsconfig.json` of its own because it needs other settings, such as legacy
 * decorators. `test/package/consumer` is left out: its test checks it where it
 * is installed. The peers of `bench` are checked where their packages are installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";

process.chdir(join(import.meta.dirname, ".."));
const ownProjects = globSync("{test,examples,dashboards}/**/tsconfig*.json", {
  exclude: (path) => path.endsWith("node_modules") || path === join("test", "package", "consumer"),
});
const bench = existsSync("bench/node_modules") ? ["bench/tsconfig.json"] : [];
const projects = ["tsconfig.json", ...bench, ...ownProjects.toSorted()];
const failed = projects.filter((project) => {
  const { status } = spawnSync("tsc", ["--noEmit", "--project", project], { stdio: "inherit" });
  console.log(`${status === 0 ? "✓" : "✗"} ${project}`);
  return status !== 0;
});
if (failed.length > 0) process.exit(1);
