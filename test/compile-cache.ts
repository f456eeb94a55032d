/** Compiles the sources once, before the first runners of the tests: processes that are killed do not write their cache. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { runtimes } from "./harness/runtimes.ts";

const modules = ["index.ts", "otel/index.ts", "backends/process.ts"];

export const setup = (): void => {
  const imports = modules.map((module) => `import ${JSON.stringify(join(import.meta.dirname, "../src", module))};`);
  execFileSync(runtimes.node, ["--input-type=module", "--eval", imports.join("")]);
};
