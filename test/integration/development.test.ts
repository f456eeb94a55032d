/** Programs that are restarted or reloaded when their code changes: no runner with old code stays behind. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { runtimes } from "../harness/runtimes.ts";
import { isAlive, type StartedProcess, startProcess } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";

const root = join(import.meta.dirname, "../..");
let folder = "";
let count = 0;
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a program into a folder of its own, inside this project so that its packages resolve. */
const write = (files: Readonly<Record<string, string>>): void => {
  folder = join(root, `.cache/development-${process.pid}-${++count}`);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
};

const edit = (name: string, from: string, to: string): void => {
  const path = join(folder, name);
  writeFileSync(path, readFileSync(path, "utf8").replace(from, to));
};

const runner = `
import { flame } from "../../src/index.ts";
import "./services.ts";
await flame.createRunnerServer().ready;
`;

const services = `
import { flame } from "../../src/index.ts";
export const which = flame.fn("which", async () => process.pid + " says one");
`;

/** Calls a runner that is always up and prints its response. */
const parent = `
import { flame } from "../../src/index.ts";
import { processBackend } from "../../src/backends/process.ts";
import { which } from "./services.ts";
await flame.configure({
  pools: { default: { min: 1, max: 2 } },
  backend: processBackend({ entry: new URL("./runner.ts", import.meta.url) }),
});
console.log("runner", await which());
`;

/** Waits until the program prints a response that contains `word`, and returns the pid of the runner that sent it. */
const runnerThatSaid = async (program: StartedProcess, word: string): Promise<number> => {
  const [, pid] = await program.waitForOutput(new RegExp(`runner (\\d+) says ${word}`), 60_000);
  return Number(pid);
};

const isGone = (pid: number): Promise<unknown> =>
  waitFor(() => !isAlive(pid), { what: `runner ${pid} to exit`, timeoutMs: 60_000 });

const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

describe("a parent", () => {
  test.each([
    ["bun --hot", [runtimes.bun, "--hot"]],
    ["bun --watch", [runtimes.bun, "--watch"]],
    ["node --watch", [runtimes.node, "--watch"]],
  ] as const)(
    "under %s replaces its runners when its code changes",
    async (_, [program, flag]) => {
      write({ "services.ts": services, "runner.ts": runner, "parent.ts": parent });
      const started = await startProcess({
        command: [program, flag, join(folder, "parent.ts")],
        env: { NODE_ENV: undefined },
      });
      try {
        const pids = [await runnerThatSaid(started, "one")];
        edit("services.ts", "one", "two");
        pids.push(await runnerThatSaid(started, "two"));
        await isGone(pids[0]!);
        edit("services.ts", "two", "three");
        pids.push(await runnerThatSaid(started, "three"));
        await isGone(pids[1]!);
        expect(isAlive(pids[2]!)).toBe(true);
        started.kill("SIGTERM");
        await started.exited;
        await isGone(pids[2]!);
      } finally {
        started.kill();
      }
    },
    240_000,
  );
});

describe("a runner under bun --hot", () => {
  test("serves the changed code on the same port", async () => {
    const port = await freePort();
    write({
      "services.ts": services,
      "runner.ts": `
import { flame } from "../../src/index.ts";
import "./services.ts";
const first = flame.createRunnerServer({ port: ${port}, hostname: "127.0.0.1" });
const second = flame.createRunnerServer({ port: 0, hostname: "127.0.0.1" });
await Promise.all([first.ready, second.ready]);
console.log("listening", first.port, second.port, "evaluation", (globalThis.evaluations = (globalThis.evaluations ?? 0) + 1));
`,
      "caller.ts": `
import { flame } from "../../src/index.ts";
import { which } from "./services.ts";
console.log("runner", await which());
await flame.shutdown();
`,
    });
    const env = { FLAME_SECRET: "a secret of this test only", NODE_ENV: undefined };
    await using hot = await startProcess({
      command: [runtimes.bun, "--hot", join(folder, "runner.ts")],
      env: { ...env, FLAME_MODE: "runner" },
    });
    const ask = async (): Promise<string> => {
      await using caller = await startProcess({
        command: [runtimes.node, join(folder, "caller.ts")],
        env: { ...env, RUNNER_URL: `http://127.0.0.1:${port}` },
      });
      const [, answer = ""] = await caller.waitForOutput(/runner \d+ says (\w+)/, 60_000);
      return answer;
    };
    const [, first, second] = await hot.waitForOutput(/listening (\d+) (\d+) evaluation 1$/m, 60_000);
    expect(first).toBe(String(port));
    expect(second).not.toBe(first);
    expect(await ask()).toBe("one");
    edit("services.ts", "one", "two");
    await hot.waitForOutput(new RegExp(`listening ${port} \\d+ evaluation 2$`, "m"), 60_000);
    expect(await ask()).toBe("two");
  }, 240_000);
});
