/** A parent in Vite's development server: a reload replaces methods and leaves no runner behind. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, inject, test } from "vitest";
import { runtimes } from "../harness/runtimes.ts";
import { isAlive, startProcess } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { installProject } from "./harness/projects.ts";

let folder: string;

beforeAll(async () => {
  folder = await installProject("bundlers", inject("tarball"));
});

test("replaces changed methods, and ends runners with old code", async () => {
  await using server = await startProcess({
    command: [runtimes.node, "vite-dev.mjs"],
    cwd: folder,
    env: { NODE_ENV: undefined },
  });
  const last = /(?:answers [^\n]*\n[\s\S]*){5}/;
  await server.waitForOutput(last, 90_000);
  const reports = [...server.output().matchAll(/^answers (\d+) says (\w+), (\d+) says \w+ \|/gm)];
  expect(reports).toHaveLength(5);
  const pids = new Set(reports.flatMap(([, which, , mine]) => [Number(which), Number(mine)]));
  expect(pids.size).toBeGreaterThan(4);
  expect(server.output()).toContain("FLAME_RELOADED");
  expect(server.output()).not.toMatch(/RegistryError|already registered/);
  const present = await waitFor(
    () => {
      const alive = [...pids].filter(isAlive);
      return alive.length <= 2 && alive;
    },
    { what: "all runners but those of the two current instances to exit", timeoutMs: 60_000 },
  );
  server.kill("SIGTERM");
  await server.exited;
  await waitFor(() => !present.some(isAlive), { what: "the last runners to exit", timeoutMs: 30_000 });
  expect(readFileSync(join(folder, "out/vite-dev/services.ts"), "utf8")).toContain("three");
}, 240_000);
