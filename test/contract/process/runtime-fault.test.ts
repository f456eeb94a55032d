/** Unsupported runtimes: importing any entry point fails with one sentence. */
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

describe("runtimeFault", () => {
  test.each([
    [
      { node: "20.20.2" },
      /requires Node 22\.19\.0 or newer, or Bun .*Node 20\.20\.2 \(\/bin\/x\)\. Install a newer Node/,
    ],
    [{ node: "22.18.9" }, /Node 22\.18\.9/],
  ])("rejects %j with the required and the actual version", (versions, message) => {
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

  test("requires the versions in the engines field of package.json", () => {
    expect(manifest.engines).toEqual({ node: `>=${oldestRuntimes.node}`, bun: `>=${oldestRuntimes.bun}` });
    expect(manifest.version).toBe(VERSION);
  });
});

const entries = Object.values(manifest.exports).flatMap((target) => (typeof target === "string" ? [] : target.default));

describe("every entry point", () => {
  test.each(entries)("%s imports the runtime check first and is listed in sideEffects", (entry) => {
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

/** An unsupported Node on this machine, if there is one. */
const oldNode = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"]
  .map((folder) => join(folder, "node"))
  .find((program) => existsSync(program) && runtimeFault({ node: versionOf(program) }, program) !== undefined);

const built = existsSync(join(root, "dist/contract/process/runtime-check.js"));

describe.skipIf(oldNode === undefined || !built)("on an unsupported Node of this machine", () => {
  const failure = async (args: ReadonlyArray<string>): Promise<{ readonly code: number; readonly stderr: string }> =>
    promisify(execFile)(oldNode!, [...args], { cwd: root }).then(
      () => expect.unreachable("expected a failure"),
      (error: unknown) => error as { readonly code: number; readonly stderr: string },
    );

  test.each(entries)("importing %s fails with the sentence of runtimeFault", async (entry) => {
    const { stderr } = await failure(["--input-type=module", "-e", `import ${JSON.stringify(join(root, entry))}`]);
    expect(stderr).toContain(runtimeFault({ node: versionOf(oldNode!) }, oldNode!));
    expect(stderr).not.toContain("TypeError");
  });

  test("the firelight command prints only that sentence and exits with code 1", async () => {
    const { code, stderr } = await failure([manifest.bin["firelight"]!, "doctor"]);
    expect(stderr).toBe(`firelight: ${runtimeFault({ node: versionOf(oldNode!) }, oldNode!)}\n`);
    expect(code).toBe(1);
  });
});
