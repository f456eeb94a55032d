/**
 * Makes sure that there is a collector for the configs in `otel/`: builds one when
 * none is there, and prints where it is.
 *
 *   npm run --silent collector:build
 */
import { findCollector } from "./collector.ts";

const found = findCollector(console.error);
if ("missing" in found) {
  console.error(found.missing);
  process.exitCode = 1;
} else console.log(found.binary);
