/**
 * The types of the package in declarations that libraries emit: exports keep their types, and every type in them can be
 * imported by name.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unexportedTypes } from "../../scripts/unexported-types.ts";
import { runtimes } from "../harness/runtimes.ts";

const root = join(import.meta.dirname, "../..");
const folder = join(root, `.cache/emitted-${process.pid}`);
const out = join(folder, "node_modules");
const run = promisify(execFile);

const strictest = {
  target: "es2023",
  module: "nodenext",
  types: ["node"],
  typeRoots: [join(root, "node_modules/@types")],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noPropertyAccessFromIndexSignature: true,
  skipLibCheck: false,
};

/** Compiles a project of the folder. Returns the compiler's errors, or an empty string. */
const compile = async (project: string, compilerOptions: object): Promise<string> => {
  const config = join(folder, project, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...strictest, ...compilerOptions }, include: ["."] }));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  return run(runtimes.node, [tsc, "--project", config], { cwd: folder }).then(
    () => "",
    (failure: { readonly stdout: string }) => failure.stdout,
  );
};

/** Emits declarations into a package that the consumer can import. */
const emit = async (project: string, options: object): Promise<string> => {
  const to = join(out, project);
  mkdirSync(to, { recursive: true });
  writeFileSync(join(to, "package.json"), JSON.stringify({ name: project, type: "module" }));
  return compile(project, {
    declaration: true,
    emitDeclarationOnly: true,
    outDir: to,
    rootDir: join(folder, project),
    ...options,
  });
};

describe.skipIf("bun" in process.versions)("declarations that users emit", () => {
  beforeAll(() => {
    cpSync(join(import.meta.dirname, "emitted"), folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    mkdirSync(out, { recursive: true });
    symlinkSync(root, join(out, "firelight"));
    symlinkSync(join(root, "node_modules/effect"), join(out, "effect"));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("keep inferred types: none is any, and all are imported from public entry points", async () => {
    expect(await emit("inferred", {})).toBe("");
    const emitted = readFileSync(join(out, "inferred/services.d.ts"), "utf8");
    expect(emitted).not.toMatch(/\bany\b|elided/);
    expect([...emitted.matchAll(/import\("([^"]+)"\)/g)].map(([, from]) => from)).not.toContainEqual(
      expect.stringMatching(/dist|\.\.|node_modules/),
    );
  }, 120_000);

  test("can be written with isolatedDeclarations", async () => {
    expect(await emit("annotated", { isolatedDeclarations: true })).toBe("");
  }, 120_000);

  test("reject wrong arguments and results in projects that import them", async () => {
    expect(await compile("consumer", { noEmit: true })).toBe("");
  }, 120_000);
});

describe.skipIf("bun" in process.versions)("types of public declarations", () => {
  test("are all exported by an entry point", () => {
    const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
    };
    const entries = Object.values(exports).flatMap((target) => (typeof target === "string" ? [] : target.types));
    expect(unexportedTypes(root, entries)).toEqual([]);
  }, 120_000);
});
