import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  processBackend,
  type ProcessBackend,
  type ProcessBackendOptions,
  type RunnerOutput,
} from "../../src/backends/process.ts";
import type { SpawnRequest } from "../../src/contract/config/backend.ts";
import { ConfigError, FlameError, InvokeError } from "../../src/contract/errors.ts";
import { runtimes } from "../harness/runtimes.ts";
import { commandLineOf, isAlive } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";

const entry = new URL("./fixtures/runner.ts", import.meta.url);
const secret = "s3cret-canary-value";

const request = (overrides: Partial<SpawnRequest> = {}): SpawnRequest => ({
  poolName: "images",
  runnerId: "r1",
  env: {
    FLAME_MODE: "runner",
    FLAME_RUNNER_ID: overrides.runnerId ?? "r1",
    FLAME_POOL: "images",
    FLAME_SECRET: secret,
  },
  timeoutMs: 20_000,
  signal: new AbortController().signal,
  ...overrides,
});

/** A backend whose runners are killed when the test finishes. */
const backendOf = (fixture: string, options: ProcessBackendOptions = { entry }): ProcessBackend => {
  const backend = processBackend({ logs: "ignore", ...options, env: { FIXTURE: fixture, ...options.env } });
  onTestFinished(() => {
    for (const { pid } of backend.running()) process.kill(pid, "SIGKILL");
  });
  return backend;
};

const failureOf = async (spawned: Promise<unknown>): Promise<FlameError> => {
  const error = await spawned.then(
    () => new Error("the spawn succeeded"),
    (failure: unknown) => failure,
  );
  if (!(error instanceof FlameError)) throw error;
  return error;
};

/** A file in which the fixture records what happens to it. */
const notesFile = (): { path: string; read(): string } => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "notes");
  return { path, read: () => readFileSync(path, "utf8") };
};

const notedPid = (notes: { read(): string }): number => Number(/pid (\d+)/.exec(notes.read())![1]);

test("spawn boots a runner that answers requests, and terminate stops it with SIGTERM", async () => {
  const notes = notesFile();
  const backend = backendOf("well", { entry, env: { FIXTURE_NOTES: notes.path } });
  const runner = await backend.spawn(request());
  const { pid } = backend.running()[0]!;

  expect(runner.id).toBe("r1");
  expect(await (await fetch(runner.url)).text()).toBe("well");
  expect(runner.bootPhases!["spawn"]).toBeGreaterThan(0);
  expect(runner.bootPhases!["ready"]).toBeGreaterThan(0);
  expect(pid).toBe(notedPid(notes));

  await backend.terminate(runner);
  expect(await runner.exited).toMatchObject({ code: 0, signal: null, reason: "exited with code 0" });
  expect(notes.read()).toContain("SIGTERM");
  expect(backend.running()).toEqual([]);
  expect(isAlive(pid)).toBe(false);
});

test("terminate is idempotent, both concurrently and after the runner has stopped", async () => {
  const notes = notesFile();
  const backend = backendOf("well", { entry, env: { FIXTURE_NOTES: notes.path } });
  const runner = await backend.spawn(request());
  await Promise.all([backend.terminate(runner), backend.terminate(runner)]);
  await backend.terminate(runner);
  expect(notes.read().match(/SIGTERM/g)).toHaveLength(1);
});

test("terminate ignores a runner of another backend", async () => {
  await expect(backendOf("well").terminate({ id: "r1", url: "http://127.0.0.1:1" })).resolves.toBeUndefined();
});

test("terminate kills a runner that ignores SIGTERM after stopGraceMs", async () => {
  const backend = backendOf("deaf", { entry, stopGraceMs: 200 });
  const runner = await backend.spawn(request());
  const startedAt = performance.now();
  await backend.terminate(runner);
  expect(performance.now() - startedAt).toBeGreaterThan(190);
  expect(await runner.exited).toMatchObject({
    signal: "SIGKILL",
    reason: "was killed: it had not stopped 200 ms after SIGTERM",
  });
});

test("exited resolves when the runner is killed from outside", async () => {
  const backend = backendOf("well");
  const runner = await backend.spawn(request());
  process.kill(backend.running()[0]!.pid, "SIGKILL");
  expect(await runner.exited).toEqual({ code: null, signal: "SIGKILL", reason: "was ended by SIGKILL" });
  await backend.terminate(runner);
});

test("supervision does not keep alive a runner whose event loop has drained", async () => {
  const runner = await backendOf("finish").spawn(request());
  expect(await runner.exited).toMatchObject({ code: 0 });
});

test("a boot that crashes rejects with the exit code, the elapsed time, the command and the last output", async () => {
  const error = await failureOf(backendOf("crash").spawn(request()));
  expect(error).toBeInstanceOf(InvokeError);
  expect(error).toMatchObject({ code: "unavailable", executed: "no", pool: "images", runnerId: "r1" });
  expect(error.elapsedMs).toBeGreaterThan(0);
  expect(error.message).toMatch(/^Runner r1 of pool "images" exited with code 3 before it was ready, after \d+ ms\./);
  expect(error.message).toContain(`runner.ts.`);
  const lines = error.message.split("\n").slice(1);
  expect(lines).toHaveLength(20);
  expect(lines[0]).toBe("  | line 12");
  expect(lines.at(-1)).toBe("  | cannot connect with [redacted]");
});

test("an entry that exits without starting a server rejects and names createRunnerServer()", async () => {
  const error = await failureOf(backendOf("nothing").spawn(request()));
  expect(error.message).toContain("exited with code 0");
  expect(error.message).toContain("createRunnerServer()");
  expect(error.message).toContain("It printed nothing.");
});

test("a boot that exceeds spawnTimeoutMs is killed and rejects with the timeout and the last output", async () => {
  const notes = notesFile();
  const backend = backendOf("hang", { entry, env: { FIXTURE_NOTES: notes.path } });
  const error = await failureOf(backend.spawn(request({ timeoutMs: 1_500 })));
  expect(error.code).toBe("unavailable");
  expect(error.message).toContain("spawnTimeoutMs: 1500");
  expect(error.message).toContain("  | still loading");
  expect(error.elapsedMs).toBeGreaterThanOrEqual(1_499);
  expect(backend.running()).toEqual([]);
  expect(isAlive(notedPid(notes))).toBe(false);
});

test("aborting during the boot kills the runner and rejects as canceled", async () => {
  const notes = notesFile();
  const backend = backendOf("hang", { entry, env: { FIXTURE_NOTES: notes.path } });
  const abort = new AbortController();
  const failure = failureOf(backend.spawn(request({ signal: abort.signal })));
  await waitFor(() => notes.read(), { what: "the runner to start" });
  abort.abort(new Error("pool closed"));
  const error = await failure;
  expect(error.code).toBe("canceled");
  expect((error.cause as Error).message).toBe("pool closed");
  expect(backend.running()).toEqual([]);
  expect(isAlive(notedPid(notes))).toBe(false);
});

test("spawn with an aborted signal starts no process", async () => {
  const backend = backendOf("well");
  const failure = failureOf(backend.spawn(request({ signal: AbortSignal.abort() })));
  expect(backend.running()).toEqual([]);
  expect((await failure).code).toBe("canceled");
});

test("a runner that reports another id is rejected and killed", async () => {
  const backend = backendOf("renamed");
  const error = await failureOf(backend.spawn(request()));
  expect(error).toBeInstanceOf(ConfigError);
  expect(error.message).toContain('reported the id "another"');
  expect(backend.running()).toEqual([]);
});

test("a runner that writes an invalid ready line is rejected and killed", async () => {
  const backend = backendOf("garbled");
  expect((await failureOf(backend.spawn(request()))).message).toContain("descriptor 3");
  expect(backend.running()).toEqual([]);
});

test.each([
  ["an entry", { entry: "./no/such/runner.ts" }, /no[/\\]such[/\\]runner\.ts does not exist/],
  ["a working directory", { entry, cwd: "/no/such/folder" }, /cwd is .*folder, which is not a directory/],
  ["a runtime", { entry, runtime: "/no/such/runtime" }, /Check that "\/no\/such\/runtime" exists/],
  ["a command", { command: ["no-such-program"] }, /Check that "no-such-program" exists/],
] as ReadonlyArray<[string, ProcessBackendOptions, RegExp]>)(
  "spawn rejects %s that does not exist",
  async (_, options, message) => {
    const backend = backendOf("well", options);
    const error = await failureOf(backend.spawn(request()));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(message);
    expect(backend.running()).toEqual([]);
  },
);

test("processBackend rejects missing, conflicting and invalid options", () => {
  expect(() => processBackend({})).toThrow(/Set entry/);
  expect(() => processBackend({ command: ["node"], entry, args: [] })).toThrow(/both command and entry, args/);
  expect(() => processBackend({ entry, stopGraceMs: Number.NaN })).toThrow(/stopGraceMs is NaN/);
});

test("onOutput receives each line with its runner, pool and stream", async () => {
  const lines: Array<RunnerOutput> = [];
  const backend = backendOf("well", { entry, onOutput: (line) => lines.push(line) });
  await backend.spawn(request());
  await waitFor(() => lines.length === 2, { what: "two lines" });
  expect(lines).toContainEqual({
    runnerId: "r1",
    poolName: "images",
    stream: "stdout",
    line: "listening\u001b[0m as r1",
  });
  expect(lines).toContainEqual({ runnerId: "r1", poolName: "images", stream: "stderr", line: "a warning" });
});

test.each([
  [
    "throws",
    () => {
      throw new Error("full");
    },
    "threw Error: full",
  ],
  ["rejects", () => Promise.reject(new Error("full")), "rejected with Error: full"],
  ["is a promise that never settles", () => new Promise<void>(() => {}), undefined],
])("a faulty onOutput (%s) warns at most once, and the runner keeps serving", async (_, run, said) => {
  const warnings: Array<string> = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  const unhandled = vi.fn();
  process.on("warning", onWarning).on("unhandledRejection", unhandled);
  onTestFinished(() => void process.off("warning", onWarning).off("unhandledRejection", unhandled));
  let lines = 0;
  const onOutput = (): unknown => {
    lines++;
    return run();
  };
  const backend = backendOf("well", { entry, onOutput });
  const { url } = await backend.spawn(request());
  await waitFor(() => lines === 2, { what: "two lines" });
  expect(await (await fetch(url)).text()).toBe("well");
  const told = warnings.filter((message) => message.includes("onOutput"));
  expect(told).toEqual(said === undefined ? [] : [expect.stringContaining(said)]);
  expect(unhandled).not.toHaveBeenCalled();
});

test('logs: "forward" writes each line to the same stream of the parent, prefixed with the runner\'s id', async () => {
  const stdout = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  onTestFinished(() => void vi.restoreAllMocks());
  await backendOf("well", { entry, logs: "forward" }).spawn(request());
  await waitFor(() => stderr.mock.calls.some(([text]) => text === "[r1] a warning\n"), {
    what: "the line on the parent's stderr",
  });
  await waitFor(() => stdout.mock.calls.some(([text]) => text === "[r1] listening\u001b[0m as r1\n"), {
    what: "the line on the parent's stdout",
  });
});

describe.each(["node", "bun"] as const)("the last megabyte of output of a runner on %s", (runtime) => {
  test.each([
    ["console.log and process.exit", "log", { code: 7, reason: "exited with code 7" }],
    ["one write and process.exit", "write", { code: 7, reason: "exited with code 7" }],
    ["console.error and SIGKILL", "kill", { signal: "SIGKILL", reason: "was ended by SIGKILL" }],
  ])("is read before exited resolves: %s", async (_name, how, exit) => {
    const lines: Array<string> = [];
    const onOutput = ({ line }: RunnerOutput): void => void lines.push(line);
    const runner = await backendOf("well", { entry, runtime: runtimes[runtime], onOutput }).spawn(request());
    await fetch(`${runner.url}/end?how=${how}`).catch(() => {});
    expect(await runner.exited).toMatchObject(exit);
    const last = lines.filter((line) => line.startsWith("line "));
    expect(last).toHaveLength(10_000);
    expect(last.at(-1)).toMatch(/^line 009999 x{87}$/);
  });
});

test("a Node runner that runs out of memory exits with outOfMemory, and none of its output is lost", async () => {
  const lines: Array<string> = [];
  const backend = backendOf("well", {
    entry,
    runtime: runtimes.node,
    runtimeArgs: ["--max-old-space-size=48"],
    onOutput: ({ line }) => void lines.push(line),
  });
  const runner = await backend.spawn(request());
  await fetch(`${runner.url}/end?how=memory`).catch(() => {});
  const exit = await runner.exited;
  expect(exit).toMatchObject({ outOfMemory: true, reason: expect.stringMatching(/^ran out of memory and /) });
  expect(exit?.code === 134 || exit?.signal === "SIGABRT").toBe(true);
  expect(lines.filter((line) => line.startsWith("line "))).toHaveLength(10_000);
  expect(lines.some((line) => line.includes("JavaScript heap out of memory"))).toBe(true);
});

test("five concurrent spawns boot five runners", async () => {
  const backend = backendOf("well");
  const ids = ["r1", "r2", "r3", "r4", "r5"];
  const runners = await Promise.all(ids.map((runnerId) => backend.spawn(request({ runnerId }))));
  expect(new Set(runners.map(({ url }) => url)).size).toBe(5);
  expect(backend.running().map(({ id }) => id)).toEqual(ids);
  await Promise.all(runners.map((runner) => backend.terminate(runner)));
  expect(backend.running()).toEqual([]);
});

test("the secret is passed to the runner in its environment, not on its command line", async () => {
  const backend = backendOf("well", { entry, args: ["--visible"] });
  const runner = await backend.spawn(request());
  const env = (await (await fetch(`${runner.url}/env`)).json()) as Record<string, string>;
  expect(env["FLAME_SECRET"]).toBe(secret);
  const visible = commandLineOf(backend.running()[0]!.pid);
  expect(visible).toContain("--visible");
  expect(visible).not.toContain(secret);
});

test("a runner inherits the parent's environment except for variables specific to the parent", async () => {
  vi.stubEnv("RUNNER_URL", "http://127.0.0.1:1");
  vi.stubEnv("TRACEPARENT", "00-stale");
  vi.stubEnv("FLAME_ORPHAN_TIMEOUT_MS", "1");
  vi.stubEnv("KEPT", "by inheritance");
  vi.stubEnv("DROPPED", "by the options");
  onTestFinished(() => void vi.unstubAllEnvs());
  const runner = await backendOf("well", { entry, env: { DROPPED: undefined, FLAME_MODE: "parent" } }).spawn(request());
  const env = (await (await fetch(`${runner.url}/env`)).json()) as Record<string, string>;
  expect(env).toMatchObject({
    KEPT: "by inheritance",
    FLAME_MODE: "runner",
    FLAME_RUNNER_ID: "r1",
    FLAME_SUPERVISED: "1",
    FLAME_HOST: "127.0.0.1",
    FLAME_PORT: "0",
    FLAME_BACKEND: "process",
  });
  for (const name of ["RUNNER_URL", "TRACEPARENT", "FLAME_ORPHAN_TIMEOUT_MS", "DROPPED", "NODE_CHANNEL_FD"])
    expect(env).not.toHaveProperty(name);
});

test("terminate also kills the runner behind a shell that ignores SIGTERM", async () => {
  const notes = notesFile();
  const command = ["sh", "-c", `trap "" TERM; "$0" "$1" & wait`, process.execPath, fileURLToPath(entry)] as const;
  const backend = backendOf("deaf", { command, env: { FIXTURE_NOTES: notes.path }, stopGraceMs: 50 });
  const runner = await backend.spawn(request());
  const pid = notedPid(notes);
  expect(backend.running()[0]!.pid).not.toBe(pid);
  await backend.terminate(runner);
  await waitFor(() => !isAlive(pid), { timeoutMs: 1_000, what: "the runner behind the shell to exit" });
  expect(notes.read()).not.toContain("parent gone");
});

test("a runner exits when the shell that started it is killed", async () => {
  const notes = notesFile();
  const command = ["sh", "-c", `"$0" "$1" & wait`, process.execPath, fileURLToPath(entry)] as const;
  const backend = backendOf("well", { command, env: { FIXTURE_NOTES: notes.path } });
  await backend.spawn(request());
  process.kill(backend.running()[0]!.pid, "SIGKILL");
  await waitFor(() => !isAlive(notedPid(notes)), { what: "the runner behind the shell to exit" });
  expect(notes.read()).toContain("parent gone");
});

test("a process forked by a runner does not inherit Firelight's preloads", async () => {
  const lines: Array<string> = [];
  const abort = new AbortController();
  const backend = processBackend({
    entry: new URL("./fixtures/forking-runner.ts", import.meta.url),
    runtimeArgs: [],
    onOutput: ({ line }) => lines.push(line),
  });
  const boot = backend.spawn({ ...request(), signal: abort.signal });
  await waitFor(() => lines.length > 0, { what: "output of the forked process" });
  expect(lines).toEqual(['forked {"execArgv":[]}, own 0']);
  abort.abort();
  await expect(boot).rejects.toMatchObject({ code: "canceled" });
});
