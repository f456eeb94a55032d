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

export default defineConfig({
  plugins: [decorators()],
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
