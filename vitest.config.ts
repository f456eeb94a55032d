import { availableParallelism } from "node:os";
import { join } from "node:path";
import { transform } from "esbuild";
import { defineConfig, type Plugin } from "vitest/config";

/** Compiles the tests of both kinds of decorators, told apart by their names: the bundled transformer knows the legacy ones alone. */
const decorators = (): Plugin => ({
  name: "firelight:decorators",
  enforce: "pre",
  transform: async (code, id) => {
    const kind = /decorators-(legacy|standard)\.test\.ts$/.exec(id)?.[1];
    if (kind === undefined) return undefined;
    const compilerOptions = {
      experimentalDecorators: kind === "legacy",
      useDefineForClassFields: true,
      verbatimModuleSyntax: true,
    };
    return transform(code, {
      loader: "ts",
      target: "es2022",
      sourcefile: id,
      sourcemap: true,
      tsconfigRaw: { compilerOptions },
    });
  },
});

const onBun = "bun" in process.versions;

/** Runner processes and command lines of the tests load the sources: Node compiles them once, not at every start. */
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "node_modules/.cache/firelight-compiled");

/** The transport of pools that set none, in the tests and in the processes that they start. */
const transport = process.env["FIRELIGHT_TEST_TRANSPORT"];
if (transport !== undefined) process.env["FLAME_TRANSPORT"] = transport;

/**
 * Tests that give the same answer on every runtime, or that start both runtimes themselves. They run on Node only.
 * Tests of the network, processes, isolates, streams, cryptography, timers, stack traces and the codec run on both.
 */
const nodeOnly = [
  // The harness of the benchmarks: it starts both runtimes itself.
  "test/bench/**",
  // Files and queries of the bundle: text that is generated and read.
  "test/bundle/**",
  // Parsing, checks and printing of the command line. Its probes of runners run on both.
  "test/cli/**/!(check-runner|check-otlp|check-metrics).test.ts",
  // Definitions, options and their checks: plain objects.
  "test/contract/{api,config,validation}/**",
  // Pages of the documentation; the snippets of the README run on both.
  "test/docs/!(snippets).test.ts",
  // Rules of the code base, and what the package exports.
  "test/package/{layers,public-types}.test.ts",
  // The pool's state and its decisions: pure functions of events.
  "test/parent/*.test.ts",
  "test/parent/pool/core/**",
  "test/property/**",
  // Names, labels and texts of telemetry.
  "test/telemetry/{exemplars,guarded-logger,logs,map-spans,prometheus,propagation,redaction,registry-instruments,relay,series-cost,span-status}.test.ts",
  // Every pair of a parent and a runner on Node and Bun: the test process only looks on.
  "test/backends/process-orphans.test.ts",
];

/**
 * Decisions of parents and runners that no runtime makes differently: sizes, boots, retries, hedges, health, what a clock that
 * is set does to signatures, and that telemetry counts the same calls everywhere. They run on Node only, too, each file by
 * itself, since they start processes. That calls, processes, signals, spans and streams work on each runtime is tested by the
 * others.
 */
const nodeProcesses = [
  "test/integration/{boots,clock-steps,elasticity,health,hedges,leaving-runners,reconciliation,retry-storm}.test.ts",
];

const outside = ["test/chaos/**", "test/ecosystem/**", "test/stack/**", "test/package/consumer.test.ts"];

const long = process.env["FIRELIGHT_CHAOS"] === "long";

export default defineConfig({
  plugins: [decorators()],
  test: {
    // A failed assertion shows both values whole.
    chaiConfig: { truncateThreshold: 0 },
    // A test that hangs ends here; one that asserts a time does so itself.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Bun has no child processes that Vitest could use.
    pool: onBun ? "threads" : "forks",
    // Most tests wait for processes and timers: one worker per processor, and npm test runs both runtimes at once.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        test: {
          name: "tests",
          include: ["test/**/*.test.ts"],
          exclude: [...outside, ...nodeOnly, ...nodeProcesses],
          globalSetup: ["test/compile-cache.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "node-only",
          isolate: false,
          include: nodeOnly.map((pattern) => pattern.replace(/\*\*$/, "**/*.test.ts")),
          exclude: outside,
        },
      },
      {
        extends: true,
        test: {
          name: "node-processes",
          include: nodeProcesses,
          exclude: outside,
        },
      },
      {
        extends: true,
        test: {
          // Alone, one file at a time: the figures are about time, and other tests would take it.
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          maxWorkers: 1,
          testTimeout: long ? 3_600_000 : 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "stack",
          include: ["test/stack/**/*.test.ts"],
          globalSetup: ["test/stack/setup.ts"],
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          // Installs packages from the registry.
          name: "ecosystem",
          include: ["test/ecosystem/**/*.test.ts", "test/package/consumer.test.ts"],
          globalSetup: ["test/ecosystem/setup.ts"],
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
