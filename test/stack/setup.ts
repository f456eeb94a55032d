/** Finds or builds the collector once, before the tests of the stack. */
import type { TestProject } from "vitest/node";
import { findCollector, type Found } from "../../scripts/collector.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly collector: Found;
  }
}

export const setup = (project: TestProject): void => {
  const found = findCollector(console.log);
  if ("missing" in found) {
    if (process.env["FIRELIGHT_STACK"] === "required") throw new Error(found.missing);
    console.warn(`Tests with a collector are skipped. ${found.missing} FIRELIGHT_STACK=required makes this an error.`);
  }
  project.provide("collector", found);
};
