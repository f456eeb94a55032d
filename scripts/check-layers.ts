/** Checks `src` against the rules in `layers.ts`. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findBarrels, findFaults, findMissing } from "./layers.ts";

process.chdir(join(import.meta.dirname, ".."));
const paths = globSync("src/**/*.ts")
  .map((path) => path.replaceAll("\\", "/"))
  .toSorted();
const files = new Map(paths.map((path) => [path, readFileSync(path, "utf8")]));
const faults = [...findFaults(files), ...findBarrels(files), ...findMissing(files)];

for (const fault of faults) console.error(`✗ ${fault}`);
if (faults.length > 0) process.exit(1);
console.log(`✓ ${paths.length} files follow the import rules.`);
