/**
 * Provides a collector for the configurations in `otel/`: builds one if none is found, and prints its path.
 *
 *   npm run --silent collector:build
 */
import { findCollector } from "./collector.ts";

const found = findCollector(console.error);
if ("missing" in found) {
  console.error(found.missing);
  process.exitCode = 1;
} else console.log(found.binary);
