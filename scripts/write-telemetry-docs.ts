/**
 * Writes `docs/telemetry.md` from the catalog. `--check` writes nothing and fails when the page is not
 * what it would write.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { telemetryPage } from "./telemetry-page.ts";

const file = join(import.meta.dirname, "../docs/telemetry.md");
const page = telemetryPage();

if (!process.argv.includes("--check")) {
  writeFileSync(file, page);
  console.log("✓ docs/telemetry.md is written.");
} else if (readFileSync(file, "utf8") === page) {
  console.log("✓ docs/telemetry.md is what the catalog says.");
} else {
  console.error("✗ docs/telemetry.md is not what the catalog says. Run: npm run docs");
  process.exitCode = 1;
}
