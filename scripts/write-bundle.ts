/**
 * Writes the dashboards, rules and provisioning that ship in the repository, from the default settings. `--check` writes
 * nothing and fails when a file is not what it would write.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundleFiles } from "../src/bundle/files.ts";
import { defaultSettings } from "../src/bundle/settings.ts";

const root = join(import.meta.dirname, "..");
const files = bundleFiles(defaultSettings);

if (process.argv.includes("--check")) {
  const stale = [...files].filter(([path, text]) => {
    const file = join(root, path);
    return !existsSync(file) || readFileSync(file, "utf8") !== text;
  });
  for (const [path] of stale) console.error(`✗ ${path} is not what src/bundle makes. Run: npm run bundle`);
  if (stale.length > 0) process.exitCode = 1;
  else console.log(`✓ ${files.size} files are what src/bundle makes.`);
} else {
  for (const [path, text] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  console.log(`✓ ${files.size} files are written.`);
}
