/**
 * Writes the dashboards and rules that ship, with the default settings. `--check` writes nothing and fails when a file
 * is not what it would write.
 */
import { join } from "node:path";
import { defaultSettings } from "../src/bundle/settings.ts";
import { findDrift, writeBundle } from "../src/bundle/write-bundle.ts";

const root = join(import.meta.dirname, "..");

if (process.argv.includes("--check")) {
  const drift = findDrift(defaultSettings, root);
  for (const path of drift) console.error(`✗ ${path} is not what its source says. Run: npm run bundle`);
  if (drift.length > 0) process.exitCode = 1;
  else console.log("✓ Dashboards and rules are what their sources say.");
} else {
  for (const path of writeBundle(defaultSettings, root)) console.log(`✓ ${path} is written.`);
}
