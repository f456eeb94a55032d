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

/** Chaos tests run by themselves, one file at a time: their figures are about time, and other tests would take it. */
const long = process.env["FIRELIGHT_CHAOS"] === "long";

export default defineConfig({
  plugins: [decorators()],
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: "tests",
          include: ["test/**/*.test.ts"],
          exclude: ["test/chaos/**", "test/ecosystem/**", "test/stack/**"],
        },
      },
      {
        extends: true,
        test: {
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          maxWorkers: 1,
          testTimeout: long ? 3_600_000 : 60_000,
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
          name: "ecosystem",
          include: ["test/ecosystem/**/*.test.ts"],
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
