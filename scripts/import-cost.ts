/** What it costs to import the built package: which packages come along, how long it takes, and how much memory. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);
const entry = pathToFileURL(join(root, "dist/index.js")).href;
const backend = pathToFileURL(join(root, "dist/backends/process.js")).href;

/** Programs by what they do with the package. Each ends with `await ready`. */
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

/** What a program has loaded. */
export interface Loaded {
  /** The names of the packages, the package itself left out. */
  readonly packages: ReadonlyArray<string>;
  /** How many files, those of the package included. */
  readonly modules: number;
}

const recorder = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  globalThis.loaded = new Set();
  registerHooks({ load: (url, context, next) => { globalThis.loaded.add(url); return next(url, context); } });
`)}`;

/** Which packages a program loads on Node, as the same list each time. */
export const loadedBy = async (program: Program): Promise<Loaded> => {
  const code = `${programs[program]}\nprocess.stdout.write(JSON.stringify([...globalThis.loaded]), () => process.exit());`;
  const { stdout } = await run(process.execPath, ["--import", recorder, "--input-type=module", "-e", code], {
    cwd: root,
  });
  const urls = (JSON.parse(stdout) as ReadonlyArray<string>).filter((url) => url.startsWith("file:"));
  const packages = urls.flatMap((url) => /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  return { packages: [...new Set(packages)].toSorted(), modules: urls.length };
};

/** What a program costs. */
export interface Cost {
  /** Milliseconds until it is ready, from the start of its code. */
  readonly ms: number;
  /** Resident memory then, in megabytes. */
  readonly mb: number;
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** The medians of several runs. They depend on the machine, and on what else it does. */
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
