/**
 * The two runtimes that the project installs, by path.
 */
import { fileURLToPath } from "node:url";

export type RuntimeName = "node" | "bun";

const installed = (name: RuntimeName): string =>
  fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url));

/** The executable of each runtime. */
export const runtimes: Readonly<Record<RuntimeName, string>> = { node: installed("node"), bun: installed("bun") };

/** Each runtime as parent with each as child. */
export const runtimePairs: ReadonlyArray<{ readonly parent: RuntimeName; readonly child: RuntimeName }> = [
  { parent: "node", child: "node" },
  { parent: "node", child: "bun" },
  { parent: "bun", child: "node" },
  { parent: "bun", child: "bun" },
];
