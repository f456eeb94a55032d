/** The packed package in a project without other packages. */
import { execFileSync } from "node:child_process";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { runtimes, type RuntimeName } from "../harness/runtimes.ts";
import { installProject } from "./harness/projects.ts";

let folder: string;

beforeAll(async () => {
  folder = await installProject("minimal", inject("tarball"));
});

describe.each<RuntimeName>(["node", "bun"])("a minimal project on %s", (runtime) => {
  test("makes a call", () => {
    expect(execFileSync(runtimes[runtime], ["main.js"], { cwd: folder, encoding: "utf8" })).toBe("Hello, Ada.\n");
  });
});
