import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bundleFiles } from "../../src/bundle/files.ts";
import { defaultSettings } from "../../src/bundle/settings.ts";
import { firelight, type Ran } from "./run-cli.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "firelight-dashboards-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: ReadonlyArray<string>): Promise<Ran> => firelight(["dashboards", ...args], { cwd: folder });

const settingsFile = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return name;
};

describe("firelight dashboards", () => {
  test("writes the committed files by default, and prints their names", async () => {
    const { code, stdout, stderr } = await run("--out", "observability");
    const files = bundleFiles(defaultSettings);
    expect({ code, stdout: stdout.trim().split("\n") }).toEqual({ code: 0, stdout: [...files.keys()] });
    expect(stderr).toContain(`${files.size} files written to observability.`);
    for (const [path, text] of files) expect(readFileSync(join(folder, "observability", path), "utf8")).toBe(text);
  });

  test("reads names, URLs, the objective and the selector from options", async () => {
    const options = ["--name", "Shop", "--uid", "shop", "--grafana-url", "https://grafana.example/"];
    const { code } = await run("--out", ".", ...options, "--objective", "0.99", "--selector", 'job="shop"');
    expect(code).toBe(0);
    const settings = {
      ...defaultSettings,
      name: "Shop",
      uid: "shop",
      grafanaUrl: "https://grafana.example",
      selector: 'job="shop"',
      slo: { ...defaultSettings.slo, objective: 0.99 },
    };
    for (const [path, text] of bundleFiles(settings)) expect(readFileSync(join(folder, path), "utf8")).toBe(text);
  });

  test.each([
    ["shop.json", JSON.stringify({ uid: "shop", thresholds: { crashes: 9 } })],
    ["shop.mjs", `export default { uid: "shop", thresholds: { crashes: 9 } };`],
    ["shop.ts", `const crashes: number = 9;\nexport default { uid: "shop", thresholds: { crashes } };`],
  ])("merges settings from %s with options", async (name, text) => {
    const { code, stderr } = await run("--out", "out", "--settings", settingsFile(name, text), "--name", "Shop");
    expect(stderr).toContain("written to out");
    expect(code).toBe(0);
    const runners = readFileSync(join(folder, "out/dashboards/shop-runners.json"), "utf8");
    expect(JSON.parse(runners)).toMatchObject({ title: "Shop / Runners" });
    expect(runners).toContain('"value": 9,');
  });

  test("with --check, writes nothing and lists files that are missing or out of date", async () => {
    const before = await run("--out", "out", "--check");
    expect(before.code).toBe(1);
    expect(before.stdout).toContain("dashboards/firelight-pools.json is missing or out of date.");
    await run("--out", "out");
    expect((await run("--out", "out", "--check")).code).toBe(0);
    writeFileSync(join(folder, "out/dashboards/firelight-pools.json"), "{}");
    const after = await run("--out", "out", "--check");
    expect(after.code).toBe(1);
    expect(after.stdout.trim().split("\n")).toHaveLength(1);
    expect(readFileSync(join(folder, "out/dashboards/firelight-pools.json"), "utf8")).toBe("{}");
  });

  test.each([
    ["no folder", [], "firelight dashboards --out observability"],
    ["a folder without its option", ["out"], "Write --out out"],
    [
      "a settings file that does not exist",
      ["--out", "o", "--settings", "none.json"],
      "--settings is none.json, which does not exist.",
    ],
    ["an objective that is not a number", ["--out", "o", "--objective", "high"], '--objective is "high"'],
    ["an objective above 1", ["--out", "o", "--objective", "99.9"], "slo.objective is 99.9."],
    ["an invalid uid", ["--out", "o", "--uid", "My Shop"], 'uid is "My Shop".'],
  ])("exits with 2 for %s, with one line on stderr", async (_case, args, said) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toContain(said);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("exits with 2 for an unknown setting in a file, and suggests the correct one", async () => {
    const { code, stderr } = await run("--out", "o", "--settings", settingsFile("s.json", `{ "slos": {} }`));
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining("slos is not an option. Did you mean slo?") as string,
    });
  });

  test("exits with 1 for settings that cannot be read, and for a folder that cannot be written", async () => {
    const broken = await run("--out", "o", "--settings", settingsFile("s.json", "{"));
    expect(broken).toMatchObject({ code: 1, stdout: "" });
    expect(broken.stderr).toContain("Cannot read s.json");
    const blocked = await run("--out", settingsFile("taken", ""));
    expect(blocked).toMatchObject({ code: 1, stdout: "" });
    expect(blocked.stderr).toContain("Cannot write to taken");
  });
});
