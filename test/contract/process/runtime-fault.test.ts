/** Runtimes that are too old: one sentence, at the import of every entry point. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { runtimeFault } from "../../../src/contract/process/runtime-fault.ts";
import { oldestRuntimes, VERSION } from "../../../src/contract/process/version.ts";

const root = join(import.meta.dirname, "../../..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly sideEffects: ReadonlyArray<string>;
};

describe("the check of the runtime", () => {
  test.each([
    [
      { node: "20.20.2" },
      /requires Node 22\.19\.0 or newer, or Bun .*Node 20\.20\.2 \(\/bin\/x\)\. Install a newer Node/,
    ],
    [{ node: "22.18.9" }, /Node 22\.18\.9/],
  ])("refuses %j in one sentence that says what is needed and what runs", (versions, message) => {
    expect(runtimeFault(versions, "/bin/x")).toMatch(message);
  });

  test.each([
    { node: "22.19.0" },
    { node: "22.100.0-nightly20261126" },
    { node: "24.0.0" },
    { node: "24.3.0", bun: oldestRuntimes.bun },
    { node: "20.0.0", bun: "1.4.5" },
    {},
  ])("accepts %j", (versions) => {
    expect(runtimeFault(versions, "/bin/x")).toBeUndefined();
  });

  test("asks for what the manifest asks for", () => {
    expect(manifest.engines).toEqual({ node: `>=${oldestRuntimes.node}`, bun: `>=${oldestRuntimes.bun}` });
    expect(manifest.version).toBe(VERSION);
  });
});

const entries = Object.values(manifest.exports).flatMap((target) => (typeof target === "string" ? [] : target.default));

describe("every entry point", () => {
  test.each(entries)("%s imports the check first, and no bundler may leave it out", (entry) => {
    const code = readFileSync(join(root, entry.replace("dist", "src").replace(/\.js$/, ".ts")), "utf8");
    const [first] = /^(?:import|export)\b.*$/m.exec(code.replace(/\/\*[\s\S]*?\*\//g, "")) ?? [];
    expect(first).toMatch(/^import "(?:\.\/|\.\.\/)(?:contract\/process\/)?runtime-check\.ts";$/);
    expect(manifest.sideEffects).toContain(entry);
  });
});

const versionOf = (program: string): string => {
  try {
    return execFileSync(program, ["--version"], { encoding: "utf8" }).trim().replace(/^v/, "");
  } catch {
    return oldestRuntimes.node;
  }
};

/** A Node on this machine that is too old, as many have one. */
const oldNode = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"]
  .map((folder) => join(folder, "node"))
  .find((program) => existsSync(program) && runtimeFault({ node: versionOf(program) }, program) !== undefined);

const built = existsSync(join(root, "dist/contract/process/runtime-check.js"));

describe.skipIf(oldNode === undefined || !built)("on a Node of this machine that is too old", () => {
  const failure = async (args: ReadonlyArray<string>): Promise<{ readonly code: number; readonly stderr: string }> =>
    promisify(execFile)(oldNode!, [...args], { cwd: root }).then(
      () => expect.unreachable("it runs"),
      (error: unknown) => error as { readonly code: number; readonly stderr: string },
    );

  test.each(entries)("%s ends its import with that sentence", async (entry) => {
    const { stderr } = await failure(["--input-type=module", "-e", `import ${JSON.stringify(join(root, entry))}`]);
    expect(stderr).toContain(runtimeFault({ node: versionOf(oldNode!) }, oldNode!));
    expect(stderr).not.toContain("TypeError");
  });

  test("the command prints that sentence alone", async () => {
    const { code, stderr } = await failure([manifest.bin["firelight"]!, "doctor"]);
    expect(stderr).toBe(`firelight: ${runtimeFault({ node: versionOf(oldNode!) }, oldNode!)}\n`);
    expect(code).toBe(1);
  });
});
