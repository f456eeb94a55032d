/** Runs the programs of `works/`, each in a process of its own, and reads what they print. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { costOf } from "../../scripts/import-cost.ts";
import type { LocalCost } from "../works/local.ts";
import type { MemoryCost } from "../works/memory.ts";
import type { PoolCost } from "../works/pool.ts";
import type { StageCost } from "../works/stages.ts";
import type { Runtime } from "./contestant.ts";
import type { Placement } from "./machine.ts";
import { executableOf } from "./runtimes.ts";

const run = promisify(execFile);

/** What a parent costs that imports Firelight and nothing else, beyond the bare runtime. */
export interface ImportCost {
  readonly ms: number;
  readonly mb: number;
}

/** What the programs measured; those that did not run are missing. */
export interface ProgramResults {
  readonly local?: LocalCost;
  readonly memory?: MemoryCost;
  readonly pool?: ReadonlyArray<PoolCost>;
  readonly stages?: ReadonlyArray<StageCost>;
  readonly import?: ImportCost;
}

export const programNames = ["local", "memory", "pool", "stages", "import"] as const;
export type ProgramName = (typeof programNames)[number];

const runProgram = async (name: ProgramName, runtime: Runtime, { client }: Placement, rounds: number) => {
  const flags = runtime === "node" ? ["--expose-gc"] : [];
  const file = join(import.meta.dirname, `../works/${name}.ts`);
  const [command, ...args] = [...client, executableOf(runtime), ...flags, file, ...(name === "memory" ? [] : [rounds])];
  const { stdout } = await run(String(command), args.map(String));
  return JSON.parse(stdout) as unknown;
};

const importCost = async (runtime: Runtime, runs: number): Promise<ImportCost> => {
  const bare = await costOf(executableOf(runtime), "nothing", runs);
  const parent = await costOf(executableOf(runtime), "parent", runs);
  return { ms: parent.ms - bare.ms, mb: parent.mb - bare.mb };
};

export const runPrograms = async (
  names: ReadonlyArray<ProgramName>,
  runtime: Runtime,
  placement: Placement,
  rounds: number,
): Promise<ProgramResults> => {
  const results: Record<string, unknown> = {};
  for (const name of names)
    results[name] =
      name === "import" ? await importCost(runtime, rounds) : await runProgram(name, runtime, placement, rounds);
  return results;
};
