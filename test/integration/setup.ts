/** Configures the shared instance with real runner processes, for one test or for several. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, onTestFinished } from "vitest";
import { type ProcessBackend, processBackend } from "../../src/backends/process.ts";
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

interface StartOptions {
  readonly runner?: FixtureRunner;
  readonly config?: FlameConfig;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Runners {
  readonly flame: Flame;
  readonly backend: ProcessBackend;
}

const start = async (pool: PoolConfig, { runner = "runner", config, env = {} }: StartOptions): Promise<Runners> => {
  const backend = processBackend({ entry: entryOf(runner), logs: "ignore", env });
  await flame.configure({
    mode: "parent",
    logger: silent,
    ...config,
    pools: { default: { spawnTimeoutMs: 20_000, backend, ...pool } },
  });
  return { flame, backend };
};

let shared: { readonly key: string; readonly runners: Runners } | undefined;

const endShared = async (): Promise<void> => {
  if (shared === undefined) return;
  shared = undefined;
  await flame.shutdown();
};
afterAll(endShared);

/**
 * Configures the shared instance with a pool of processes, or takes over the one of the tests before if it is equal. For
 * tests that leave the pool and its runners as they were: starting a process takes longer than most tests.
 */
export const sharedRunners = async (pool: PoolConfig = {}, options: StartOptions = {}): Promise<Runners> => {
  const key = JSON.stringify([pool, options]);
  if (shared?.key !== key) {
    await endShared();
    shared = { key, runners: await start(pool, options) };
  }
  return shared.runners;
};

/** Configures the shared instance with a pool of processes of its own. Shuts it down when the test ends. */
export const withRunners = async (pool: PoolConfig = {}, options: StartOptions = {}): Promise<Runners> => {
  await endShared();
  onTestFinished(() => flame.shutdown());
  return start(pool, options);
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
