/** A Next app, in production and in development. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { runtimes } from "../harness/runtimes.ts";
import { isAlive, type StartedProcess, startProcess } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { installProject } from "./harness/projects.ts";

let folder: string;

beforeAll(async () => {
  folder = await installProject("next", inject("tarball"));
});

const next = "node_modules/next/dist/bin/next";
const quiet = { NEXT_TELEMETRY_DISABLED: "1", CI: "1" };

const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

const serve = async (command: "start" | "dev", env: Readonly<Record<string, string | undefined>>) => {
  const port = await freePort();
  const server = await startProcess({
    command: [runtimes.node, next, command, "-H", "127.0.0.1", "-p", String(port)],
    cwd: folder,
    env: { ...quiet, ...env },
  });
  await server.waitForOutput(/Ready in/, 120_000);
  const get = async (path: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}\n${server.output()}`);
    return text;
  };
  return { server, get };
};

/** Ends a server with SIGTERM, so that its child processes end too. */
const end = async (server: StartedProcess): Promise<void> => {
  server.kill("SIGTERM");
  await server.exited;
};

describe("a Next app", () => {
  test("with the package in serverExternalPackages builds, and calls runners from routes and pages", async () => {
    const { stdout, stderr } = await promisify(execFile)(runtimes.node, [next, "build"], {
      cwd: folder,
      env: { ...process.env, ...quiet, NODE_ENV: "production" },
      timeout: 540_000,
    });
    expect(stdout + stderr).not.toMatch(/FLAME_|RegistryError/);
    const { server, get } = await serve("start", { NODE_ENV: "production" });
    try {
      const { answer, parent } = JSON.parse(await get("/api/hello")) as { answer: string; parent: number };
      const [, runner] = /^Hello, Ada, from (\d+)\.$/.exec(answer) ?? [];
      expect(Number(runner)).not.toBe(parent);
      expect(JSON.parse(await get("/api/square"))).toEqual({ answer: 49 });
      expect(await get("/")).toContain(`Hello, Page, from ${runner}.`);
      await end(server);
      await waitFor(() => !isAlive(Number(runner)), { what: "the runner to exit", timeoutMs: 30_000 });
      expect(server.output()).not.toMatch(/RegistryError|FLAME_RELOADED/);
    } finally {
      server.kill();
    }
  }, 600_000);

  test("in development replaces changed methods and their runners", async () => {
    const services = join(folder, "lib/services.js");
    const before = readFileSync(services, "utf8");
    const { server, get } = await serve("dev", { NODE_ENV: undefined });
    const ask = async (greeting: string): Promise<number> => {
      const answer = await waitFor(
        async () => new RegExp(`"${greeting}, Ada, from (\\d+)\\.`).exec(await get("/api/hello")),
        {
          what: `the response ${greeting}`,
          timeoutMs: 120_000,
          everyMs: 250,
        },
      );
      return Number(answer[1]);
    };
    try {
      const first = await ask("Hello");
      writeFileSync(services, before.replace("`Hello", "`Good day"));
      const second = await ask("Good day");
      expect(second).not.toBe(first);
      await waitFor(() => !isAlive(first), { what: "the earlier runner to exit", timeoutMs: 30_000 });
      await end(server);
      await waitFor(() => !isAlive(second), { what: "the last runner to exit", timeoutMs: 30_000 });
      expect(server.output()).not.toMatch(/RegistryError|already registered/);
    } finally {
      server.kill();
      writeFileSync(services, before);
    }
  }, 600_000);
});
