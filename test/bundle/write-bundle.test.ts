import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { completeSettings } from "../../src/bundle/resolve-settings.ts";
import { bundleFiles } from "../../src/bundle/files.ts";
import { findDrift, writeBundle } from "../../src/bundle/write-bundle.ts";

const settings = completeSettings({ uid: "shop" });
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "firelight-bundle-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("writeBundle", () => {
  test("writes every file and keeps other files", () => {
    writeFileSync(join(folder, "mine.json"), "{}");
    const written = writeBundle(settings, join(folder));
    expect(written).toEqual([...bundleFiles(settings).keys()]);
    expect(written).toContain("dashboards/shop-pools.json");
    for (const [path, text] of bundleFiles(settings)) expect(readFileSync(join(folder, path), "utf8")).toBe(text);
    expect(readdirSync(folder)).toContain("mine.json");
  });

  test("findDrift lists missing and changed files", () => {
    expect(findDrift(settings, folder)).toEqual([...bundleFiles(settings).keys()]);
    writeBundle(settings, folder);
    expect(findDrift(settings, folder)).toEqual([]);
    writeFileSync(join(folder, "dashboards/shop-pools.json"), "{}");
    rmSync(join(folder, "dashboards/shop-method.json"));
    expect(findDrift(settings, folder)).toEqual(["dashboards/shop-method.json", "dashboards/shop-pools.json"]);
  });
});
