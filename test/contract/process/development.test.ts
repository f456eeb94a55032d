/** Modules that are evaluated again, as by hot reload: their definitions replace the earlier ones. */
import { setImmediate as turnEnds } from "node:timers/promises";
import { compileFunction } from "node:vm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CallSite } from "../../../src/contract/process/call-site.ts";
import { RegistryError } from "../../../src/contract/errors.ts";
import { createRegistry, type Registry } from "../../../src/contract/api/registry.ts";
import { createFlame } from "../../../src/flame.ts";

let warnings: Array<string> = [];
const onWarning = (warning: Error & { readonly code?: string }): void => {
  if (warning.code === "FLAME_RELOADED") warnings.push(warning.message);
};
beforeEach(() => {
  warnings = [];
  process.on("warning", onWarning);
});
afterEach(() => {
  process.off("warning", onWarning);
  vi.unstubAllEnvs();
});

const site = (file: string, position = "3:14"): CallSite => ({ file, position, topLevel: true });

const define = (registry: Registry, result: number, definedAt: CallSite | undefined): void => {
  const handler = (): number => result;
  registry.register("math", [{ id: "add", options: {}, handler, definedAt, invoke: handler }]);
};

/** The result of a method after a second definition in a later turn. */
const redefined = async (
  environment: string | undefined,
  first: CallSite | undefined,
  second: CallSite | undefined,
): Promise<unknown> => {
  vi.stubEnv("NODE_ENV", environment);
  const registry = createRegistry();
  define(registry, 1, first);
  await turnEnds();
  await turnEnds();
  define(registry, 2, second);
  return registry.find("math/add")!.invoke({} as never, []);
};

describe("a second definition of a method", () => {
  test.each([undefined, "development", "staging"])(
    "in the same file replaces the first with NODE_ENV=%s, with a warning",
    async (env) => {
      expect(await redefined(env, site("/app/math.ts"), site("/app/math.ts", "9:1"))).toBe(2);
      await turnEnds();
      expect(warnings).toEqual([
        '/app/math.ts was evaluated again: its methods of "math" replace the earlier ones. Runners that are already running keep their code.',
      ]);
    },
  );

  test("at the same position replaces the first with NODE_ENV=test, and at another is rejected", async () => {
    expect(await redefined("test", site("/app/math.ts"), site("/app/math.ts"))).toBe(2);
    await expect(redefined("test", site("/app/math.ts"), site("/app/math.ts", "9:1"))).rejects.toThrow(RegistryError);
  });

  test.each([
    ["in production", "production", site("/app/math.ts"), site("/app/math.ts")],
    ["in another file", "development", site("/app/math.ts"), site("/app/other.ts")],
    ["at an unknown location", "development", undefined, undefined],
  ])("%s is rejected", async (_, env, first, second) => {
    await expect(redefined(env, first, second)).rejects.toThrow(
      /math\/add is already registered with a different handler/,
    );
  });

  test("in another file is rejected with both locations", async () => {
    await expect(redefined("development", site("/app/math.ts"), site("/app/other.ts", "9:1"))).rejects.toThrow(
      /a different handler \(at \/app\/math\.ts:3:14\)\. Rename one of them \(at \/app\/other\.ts:9:1\)/,
    );
  });

  test("in the same evaluation of its file is rejected in development too", () => {
    vi.stubEnv("NODE_ENV", "development");
    const registry = createRegistry();
    define(registry, 1, site("/app/math.ts"));
    expect(() => define(registry, 2, site("/app/math.ts", "9:1"))).toThrow(RegistryError);
  });
});

describe("in Next.js, which evaluates a module once per layer, a second definition", () => {
  const layered = async (environment: string, first: number, second: number): Promise<unknown> => {
    vi.stubEnv("NODE_ENV", environment);
    vi.stubEnv("NEXT_RUNTIME", "nodejs");
    const registry = createRegistry();
    const define = (result: number): void => {
      const handler = compileFunction(`return ${result};`);
      registry.register("math", [{ id: "add", options: {}, handler, invoke: () => handler() as unknown }]);
    };
    define(first);
    await turnEnds();
    await turnEnds();
    define(second);
    await turnEnds();
    return registry.find("math/add")!.invoke({} as never, []);
  };

  test("with the same code is accepted without a warning", async () => {
    expect(await layered("development", 1, 1)).toBe(1);
    expect(warnings).toEqual([]);
  });

  test("with different code is accepted in production, where each bundle is minified separately", async () => {
    expect(await layered("production", 1, 2)).toBe(2);
    expect(warnings).toEqual([]);
  });

  test("with different code replaces the first in development, with a warning", async () => {
    expect(await layered("development", 1, 2)).toBe(2);
    expect(warnings).toEqual([expect.stringMatching(/^math\/add was defined again with different code/)]);
  });
});

describe("a definition", () => {
  test.each([
    ["fn", (flame: ReturnType<typeof createFlame>) => flame.fn("x", () => 1)],
    ["fn.id", (flame: ReturnType<typeof createFlame>) => flame.fn["x"]!(() => 1)],
    ["service", (flame: ReturnType<typeof createFlame>) => flame.service("x", { default: () => 1 })],
    ["service.id", (flame: ReturnType<typeof createFlame>) => flame.serviceEffect["x"]!({ default: () => 1 })],
  ] as const)("with %s records the file that it is in", (_, make) => {
    const flame = createFlame();
    make(flame);
    expect(flame.registry.find("x/default")?.definedAt?.file).toMatch(
      /test\/contract\/process\/development\.test\.ts$/,
    );
  });

  test("with decorators records the file that it is in", () => {
    const flame = createFlame();
    class Math {
      async add(): Promise<number> {
        return 1;
      }
    }
    flame.serviceDecorator("math")(Math);
    expect(flame.registry.find("math/add")?.definedAt?.file).toMatch(/test\/contract\/process\/development\.test\.ts$/);
  });

  test("records no location in production", () => {
    vi.stubEnv("NODE_ENV", "production");
    const flame = createFlame();
    flame.fn("x", () => 1);
    expect(flame.registry.find("x/default")?.definedAt).toBeUndefined();
  });
});
