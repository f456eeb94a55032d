import { execFile } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runtimes } from "../harness/runtimes.ts";
import { readSnippets, type Snippet } from "./page.ts";

const root = join(import.meta.dirname, "../..");
const runtime = "bun" in process.versions ? "bun" : "node";
const folder = join(root, `.cache/snippets-${runtime}-${process.pid}`);
const pages = globSync(["*.md", "docs/**/*.md", "examples/*/README.md"], { cwd: root }).toSorted();
const byPage = new Map(pages.map((page) => [page, readSnippets(page, readFileSync(join(root, page), "utf8"))]));
const all = [...byPage.values()].flat();

const folderOf = (snippet: Snippet): string => snippet.at.replace(/\.md:\d+$/, "").replaceAll("/", "-");

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const execute = (
  file: string,
  args: ReadonlyArray<string>,
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> =>
  promisify(execFile)(file, args, { cwd, env: { ...process.env, ...env }, timeout: 60_000 }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Finished) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );

/** Writes the blocks to files: all of a page into one folder, next to which the compiler puts what it builds. */
const write = (): void => {
  for (const snippet of all) {
    const path = join(folder, "source", folderOf(snippet), snippet.file);
    if (existsSync(path)) throw new Error(`${snippet.at}: this page already has a block with file=${snippet.file}.`);
    // Also next to the build: a pool starts a page's runner from its source, as readers do.
    for (const file of [path, join(folder, "built", folderOf(snippet), snippet.file)]) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, snippet.code);
    }
  }
};

const compile = (): Promise<Finished> => {
  const project = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
      noUncheckedIndexedAccess: false,
      rootDir: "source",
      outDir: "built",
    },
    include: ["source"],
    exclude: [],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project));
  return execute(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], root);
};

let compiled: Finished;

beforeAll(async () => {
  if (!existsSync(join(root, "dist/index.js")))
    throw new Error("dist/ is missing: the pages are compiled against the build. Run: npm run build");
  write();
  if (runtime === "node") compiled = await compile();
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("code in the pages", () => {
  test("exists in the README", () => {
    expect(byPage.get("README.md")?.length ?? 0).toBeGreaterThan(0);
  });

  // The compiler's answer is the same on every runtime. Node runs what it built, and Bun the blocks as they are written.
  test.runIf(runtime === "node")("compiles against the package", () => {
    expect(compiled.stdout + compiled.stderr).toBe("");
    expect(compiled.code).toBe(0);
  });

  const runnable = all.filter((snippet) => snippet.checkOnly === undefined);
  test.each(runnable)(
    "runs at $at",
    async (snippet) => {
      const cwd = join(folder, runtime === "node" ? "built" : "source", folderOf(snippet));
      const file = runtime === "node" ? snippet.file.replace(/\.ts$/, ".js") : snippet.file;
      const ended = await execute(runtimes[runtime], [join(cwd, file)], cwd, snippet.env);
      expect(ended, `${snippet.at} printed:\n${ended.stdout}${ended.stderr}`).toMatchObject({ code: 0 });
      if (snippet.output !== undefined) expect(ended.stdout).toBe(snippet.output);
    },
    90_000,
  );
});
