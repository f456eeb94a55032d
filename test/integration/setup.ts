/** Configures the shared instance with real runner processes, for one test. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ProcessBackend } from "../../src/backends/process.ts";
import { processBackend } from "../../src/backends/process.ts";
import type { FlameConfig, PoolConfig } from "../../src/contract/config/options.ts";
import type { Flame } from "../../src/flame.ts";
import { flame } from "../../src/index.ts";

export type FixtureRunner =
  | "runner"
  | "traced-runner"
  | "isolated-runner"
  | "isolated-traced-runner"
  | "hostile-runner";

export const entryOf = (runner: FixtureRunner): URL => new URL(`./fixtures/${runner}.ts`, import.meta.url);

/** Configures the shared instance with a pool of processes. Shuts it down when the test ends. */
export const withRunners = async (
  pool: PoolConfig = {},
  options: { runner?: FixtureRunner; config?: FlameConfig } = {},
): Promise<{ readonly flame: Flame; readonly backend: ProcessBackend }> => {
  const backend = processBackend({ entry: entryOf(options.runner ?? "runner"), logs: "ignore" });
  onTestFinished(() => flame.shutdown());
  await flame.configure({
    mode: "parent",
    logger: silent,
    ...options.config,
    pools: { default: { spawnTimeoutMs: 20_000, backend, ...pool } },
  });
  return { flame, backend };
};

/** A logger that drops everything: these tests provoke failures. */
export const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** Creates a file for handlers to append to. `lines` reads it. */
export const notes = (): { readonly file: string; readonly lines: () => ReadonlyArray<string> } => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "notes");
  return { file, lines: () => (existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []) };
};
