/** Measures the cost of importing the built package: loaded packages, time, and memory. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { median } from "../bench/harness/statistics.ts";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);
const entry = pathToFileURL(join(root, "dist/index.js")).href;
const backend = pathToFileURL(join(root, "dist/backends/process.js")).href;

/** Programs by their use of the package. Each ends with `await ready`. */
export const programs = {
  nothing: "",
  parent: `await import(${JSON.stringify(entry)}); await import(${JSON.stringify(backend)});`,
  "local call": `
    const { createFlame } = await import(${JSON.stringify(entry)});
    const flame = createFlame({ mode: "local" });
    await flame.fn("ping", async () => "pong")();`,
  runner: `
    const { createFlame } = await import(${JSON.stringify(entry)});
    const flame = createFlame({ mode: "runner", security: { secret: "a secret of this check only" } });
    await flame.createRunnerServer({ port: 0, hostname: "127.0.0.1" }).ready;`,
} as const;

export type Program = keyof typeof programs;

/** The files that a program loaded. */
export interface Loaded {
  /** The names of the packages, without the package itself. */
  readonly packages: ReadonlyArray<string>;
  /** The number of files, including those of the package. */
  readonly modules: number;
}

const recorder = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  globalThis.loaded = new Set();
  registerHooks({ load: (url, context, next) => { globalThis.loaded.add(url); return next(url, context); } });
`)}`;

/** Returns the packages that a program loads on Node, always in the same order. */
export const loadedBy = async (program: Program): Promise<Loaded> => {
  const code = `${programs[program]}\nprocess.stdout.write(JSON.stringify([...globalThis.loaded]), () => process.exit());`;
  const { stdout } = await run(process.execPath, ["--import", recorder, "--input-type=module", "-e", code], {
    cwd: root,
  });
  const urls = (JSON.parse(stdout) as ReadonlyArray<string>).filter((url) => url.startsWith("file:"));
  const packages = urls.flatMap((url) => /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  return { packages: [...new Set(packages)].toSorted(), modules: urls.length };
};

/** The cost of a program. */
export interface Cost {
  /** Time from the start of its code until it is ready, in milliseconds. */
  readonly ms: number;
  /** Resident memory at that time, in megabytes. */
  readonly mb: number;
}

/** Returns the medians of several runs. They depend on the machine and its load. */
export const costOf = async (runtime: string, program: Program, runs: number): Promise<Cost> => {
  const code = `const startedAt = performance.now();
    ${programs[program]}
    process.stdout.write(JSON.stringify([performance.now() - startedAt, process.memoryUsage().rss / 1e6]), () => process.exit());`;
  const results: Array<readonly [number, number]> = [];
  for (let count = 0; count < runs; count++) {
    const args = runtime.endsWith("bun") ? ["-e", code] : ["--input-type=module", "-e", code];
    const { stdout } = await run(runtime, args, { cwd: root });
    results.push(JSON.parse(stdout) as readonly [number, number]);
  }
  return { ms: median(results.map(([ms]) => ms)), mb: median(results.map(([, mb]) => mb)) };
};
