import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { ErrorBody, RequestHead } from "../../src/contract/wire/envelope.ts";
import { newNonce } from "../../src/contract/wire/nonce.ts";
import { ConfigError } from "../../src/contract/errors.ts";
import type { IsolateKind } from "../../src/contract/config/isolation.ts";
import { requestHeaders } from "../../src/contract/wire/headers.ts";
import { resolveConfig } from "../../src/contract/config/resolve-config.ts";
import { signRequest } from "../../src/contract/wire/signature.ts";
import { createFlame, flame } from "../../src/index.ts";
import type { RunnerServerOptions } from "../../src/runner/options.ts";
import { createRunnerServer } from "../../src/runner/server.ts";
import { type FlameEvent, makeTelemetry, noTracer } from "../../src/telemetry/telemetry.ts";
import { isAlive } from "../harness/start-process.ts";
import { startStopwatch } from "../harness/stopwatch.ts";
import { waitFor } from "../harness/wait-for.ts";
import "../integration/fixtures/isolated-services.ts";
import { codec, errorOf, key, type Reply, send, sign } from "./runner-client.ts";

const fixture = (name: string): URL => new URL(`../integration/fixtures/${name}.ts`, import.meta.url);

const serviceOf: Readonly<Record<IsolateKind, string>> = { worker: "in-worker", process: "in-process" };

/** Methods that are registered on the runner but not in its isolates. */
flame.service("only-here", { worker: async () => 1 }, { isolation: "worker" });
flame.service("only-here", { process: async () => 1 }, { isolation: "process" });

const makeRunner = async (options: RunnerServerOptions = {}) => {
  const events: Array<FlameEvent> = [];
  const server = createRunnerServer(
    {
      config: resolveConfig({ security: { secret: key.secret } }, {}),
      registry: flame.registry,
      telemetry: makeTelemetry(noTracer, [{ emit: (event) => void events.push(event) }]),
      logger: { info: () => {}, warn: () => {}, error: () => {} },
      env: {},
    },
    { port: 0, hostname: "127.0.0.1", isolation: { entry: fixture("isolated-runner") }, ...options },
  );
  await server.ready;
  const runner = { server, events };
  const ask = (method: string, args: ReadonlyArray<unknown> = [], head: Partial<RequestHead> = {}): Promise<Reply> =>
    send(runner, sign(method, args, { timeoutMs: 20_000, ...head }));
  const terminated = (): ReadonlyArray<FlameEvent> => events.filter(({ _tag }) => _tag === "IsolateTerminated");
  return { ...runner, ask, terminated };
};

type TestRunner = Awaited<ReturnType<typeof makeRunner>>;

/** A runner for one test. */
const startRunner = async (options?: RunnerServerOptions): Promise<TestRunner> => {
  const runner = await makeRunner(options);
  onTestFinished(() => runner.server.stop({ drainTimeoutMs: 0 }));
  return runner;
};

/** A runner that the tests of a block share, since its isolates take a while to boot. */
const shareRunner = (options?: RunnerServerOptions): (() => TestRunner) => {
  let shared: TestRunner | undefined;
  beforeAll(async () => {
    shared = await makeRunner(options);
  });
  beforeEach(() => {
    shared!.events.length = 0;
  });
  afterAll(() => shared?.server.stop({ drainTimeoutMs: 0 }));
  return () => shared!;
};

const valueOf = (reply: Reply): any => {
  if (reply.status !== 200) throw new Error(reply.text);
  return codec.decode(reply.body, "result");
};

const notes = () => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "notes");
  const text = (): string => (existsSync(file) ? readFileSync(file, "utf8") : "");
  return {
    file,
    text,
    has: (word: string) => waitFor(() => text().includes(word), { what: `"${word}" in the notes` }),
  };
};

/** Makes a call and disconnects once `until` resolves. */
const leave = async (
  server: TestRunner["server"],
  request: ReturnType<typeof sign>,
  until: () => Promise<unknown>,
): Promise<void> => {
  const caller = new AbortController();
  const call = send({ server }, request, { signal: caller.signal }).then(
    ({ text }) => Promise.reject(new Error(`The call ended before its caller left: ${text}`)),
    () => "left",
  );
  await Promise.race([until(), call]);
  caller.abort();
  expect(await call).toBe("left");
};

const timedOut = { code: "timeout", executed: "yes", phase: "handler", retryable: true } satisfies Partial<ErrorBody>;

/** Extra milliseconds that a busy machine may need beyond the deadline. */
const leewayMs = 1_500;

describe.each(["worker", "process"] as const)("a handler in a %s", (kind) => {
  const service = serviceOf[kind];
  const shared = shareRunner();
  const patient = shareRunner({ isolation: { entry: fixture("isolated-runner"), graceMs: 20_000 } });

  test("receives and returns all values that the wire supports", async () => {
    const { ask } = shared();
    const value = {
      at: new Date(5),
      map: new Map<unknown, unknown>([["a", new Set([1n])]]),
      bytes: new Uint8Array([1, 2, 255]),
      url: new URL("https://example.com/a?b"),
      error: new RangeError("far"),
      nothing: undefined,
    };
    expect(valueOf(await ask(`${service}/echo`, [value]))).toEqual(value);
  });

  test("runs outside the runner's main thread, and the next call reuses its isolate", async () => {
    const { ask } = shared();
    const first = valueOf(await ask(`${service}/where`));
    const second = valueOf(await ask(`${service}/where`));
    expect(first.isMainThread).toBe(kind === "process");
    expect(first.pid === process.pid).toBe(kind === "worker");
    expect(second).toEqual({ ...first, runs: first.runs + 1 });
  });

  test("receives the same invocation context as on the runner", async () => {
    const { ask } = shared();
    await ask(`${service}/where`);
    const reply = await ask(`${service}/told`, [], {
      invocationId: "inv-7",
      attempt: 3,
      idempotencyKey: "once",
      timeoutMs: 9_000,
    });
    const told = valueOf(reply);
    expect(told).toMatchObject({
      invocationId: "inv-7",
      method: `${service}/told`,
      attempt: 3,
      idempotencyKey: "once",
    });
    expect(told).toMatchObject({ current: true, mode: "runner", marker: undefined });
    expect(told.leftMs).toBeGreaterThan(7_000);
    expect(told.leftMs).toBeLessThanOrEqual(9_001);
  });

  test("that blocks its thread is terminated at its deadline, while other calls run", async () => {
    const { ask, terminated } = shared();
    const before = valueOf(await ask(`${service}/where`));
    const note = notes();
    const elapsed = startStopwatch();
    let over = false;
    const stuck = ask(`${service}/burn`, [note.file], { timeoutMs: 1_000 }).finally(() => (over = true));
    await note.has("burning");
    let served = 0;
    for (; !over; served++) {
      expect(valueOf(await ask("probe/add", [served, 2]))).toBe(served + 2);
      await setTimeout(20);
    }
    expect(served).toBeGreaterThan(1);
    const reply = await stuck;
    expect(elapsed()).toBeLessThan(1_000 + leewayMs);
    expect(errorOf(reply)).toMatchObject(timedOut);
    expect(errorOf(reply).message).toContain("terminated");
    await waitFor(() => terminated().length === 1, { what: "the isolate to terminate" });
    expect(terminated()[0]).toMatchObject({ method: `${service}/burn`, isolation: kind, stopped: true, graceMs: 100 });
    const after = valueOf(await ask(`${service}/where`));
    expect([after.pid, after.threadId]).not.toEqual([before.pid, before.threadId]);
    if (kind === "process") await waitFor(() => !isAlive(before.pid), { what: "the process to exit" });
  });

  test("that stops when its signal is aborted is not terminated", async () => {
    const { ask, terminated } = patient();
    const note = notes();
    const before = valueOf(await ask(`${service}/where`));
    const reply = await ask(`${service}/polite`, [note.file, "throws"], { timeoutMs: 3_000 });
    expect(errorOf(reply)).toMatchObject(timedOut);
    await note.has("ended timeout");
    const both = await Promise.all([ask(`${service}/where`), ask(`${service}/where`)]);
    const { pid, threadId } = before;
    expect(both.map(valueOf)).toContainEqual(expect.objectContaining({ pid, threadId }));
    expect(terminated()).toEqual([]);
  });

  test("that ignores its signal without blocking its thread is terminated", async () => {
    const { ask, terminated } = shared();
    const note = notes();
    await ask(`${service}/where`);
    expect(errorOf(await ask(`${service}/deaf`, [note.file], { timeoutMs: 1_000 }))).toMatchObject(timedOut);
    await waitFor(() => terminated().length === 1, { what: "the isolate to terminate" });
  });

  test("has its signal aborted when its caller disconnects, and is not terminated if it stops", async () => {
    const { server, terminated } = patient();
    const note = notes();
    await leave(server, sign(`${service}/polite`, [note.file, "throws"]), () => note.has("started"));
    await note.has("ended canceled");
    expect(terminated()).toEqual([]);
  });

  test("is terminated when its caller disconnects and it does not stop", async () => {
    const { ask, server, events, terminated } = shared();
    const note = notes();
    await leave(server, sign(`${service}/spin`, [note.file]), () => note.has("spinning"));
    await waitFor(() => terminated().length === 1, { what: "the isolate to terminate" });
    expect(events).toContainEqual(
      expect.objectContaining({
        _tag: "ServerEnded",
        method: `${service}/spin`,
        error: expect.objectContaining({ code: "canceled", executed: "yes" }) as unknown,
      }),
    );
    expect(valueOf(await ask(`${service}/echo`, ["next"]))).toBe("next");
  });

  test("that fails returns the same error as on the runner, and the runner records the whole error", async () => {
    const { ask, events } = shared();
    const declined = errorOf(await ask(`${service}/decline`));
    expect(declined).toMatchObject({ code: "remote_error", executed: "yes", phase: "handler", retryable: false });
    expect(declined.remote).toMatchObject({ code: "card_declined", details: { last4: "4242" } });
    const failed = await ask(`${service}/fail`);
    expect(errorOf(failed)).toMatchObject({ code: "remote_error", executed: "yes", retryable: true });
    expect(failed.text).not.toContain("a reason of its own");
    const ended = events.findLast(({ _tag }) => _tag === "ServerEnded") as { thrown?: unknown };
    expect(ended.thrown).toMatchObject({ name: "RangeError", message: "a reason of its own" });
    expect((ended.thrown as Error).stack).toContain("isolated-services");
    const unsendable = errorOf(await ask(`${service}/unsendable`));
    expect(unsendable).toMatchObject({ code: "serialization_error", executed: "yes", phase: "encode" });
  });

  test("whose arguments cannot be decoded does not run", async () => {
    const { server } = shared();
    const { headers, ...request } = sign(`${service}/echo`, []);
    const bad = { ...request, body: Buffer.from('{"json":{}}') };
    const signed = requestHeaders(bad.head, signRequest(bad.head, bad.body, key));
    const reply = await send({ server }, { ...bad, headers: { ...headers, ...signed } });
    expect(errorOf(reply)).toMatchObject({ code: "serialization_error", executed: "no", phase: "runner_queue" });
  });

  test.each([
    ["exit", []],
    ["crash", ["throws"]],
    ["crash", ["rejects"]],
  ] as const)(
    "that ends its isolate (%s %j) is a transport_error, and the runner keeps serving",
    async (method, args) => {
      const { ask, terminated } = shared();
      const reply = await ask(`${service}/${method}`, args);
      expect(errorOf(reply)).toMatchObject({
        code: "transport_error",
        executed: "yes",
        phase: "handler",
        retryable: true,
      });
      expect(valueOf(await ask("probe/add", [1, 2]))).toBe(3);
      expect(valueOf(await ask(`${service}/echo`, ["next"]))).toBe("next");
      expect(terminated()).toEqual([]);
    },
  );

  test("runs concurrently with other calls of the same method", async () => {
    const { ask } = shared();
    const note = notes();
    const [first, second] = await Promise.all([
      ask(`${service}/wait`, [note.file, 300]),
      ask(`${service}/wait`, [note.file, 300]),
    ]);
    expect(valueOf(first)).toBeGreaterThan(0);
    expect(valueOf(second)).toBeGreaterThan(0);
  });

  test("runs once per idempotency key, until the latest deadline of its callers", async () => {
    const { ask } = shared();
    const note = notes();
    await ask(`${service}/where`);
    const hasty = ask(`${service}/wait`, [note.file, 1_500], { idempotencyKey: "k", timeoutMs: 1_000 });
    await note.has("started");
    const patient = ask(`${service}/wait`, [note.file, 1_500], { idempotencyKey: "k", timeoutMs: 10_000 });
    expect(errorOf(await hasty)).toMatchObject({ code: "timeout" });
    expect(valueOf(await patient)).toBeGreaterThan(5_000);
    expect(note.text().match(/started/g)).toHaveLength(1);
  });

  test("that returns within graceMs has its result stored under its idempotency key", async () => {
    const { ask } = patient();
    const note = notes();
    await ask(`${service}/where`);
    const once = { idempotencyKey: newNonce() };
    const args = [note.file, "returns"];
    expect(errorOf(await ask(`${service}/polite`, args, { ...once, timeoutMs: 1_000 }))).toMatchObject(timedOut);
    expect(valueOf(await ask(`${service}/polite`, args, once))).toBe("in the end");
    expect(note.text().match(/started/g)).toHaveLength(1);
  });

  test("that is terminated releases its idempotency key", async () => {
    const { ask, terminated } = shared();
    const once = { idempotencyKey: "stuck", timeoutMs: 1_000 };
    for (let turn = 0; turn < 2; turn++) {
      await ask(`${service}/where`);
      expect(errorOf(await ask(`${service}/spin`, [], once))).toMatchObject(timedOut);
      await waitFor(() => terminated().length > turn, { what: "the isolate to terminate" });
    }
  });

  test("is a registry_error if its method is not registered in the isolate", async () => {
    const { ask } = shared();
    const error = errorOf(await ask(`only-here/${kind}`));
    expect(error).toMatchObject({ code: "registry_error", executed: "no" });
    expect(error.message).toContain("import.meta.main");
  });

  test("is terminated at the end of a drain, and no isolate stays running", async () => {
    const { ask, server, terminated } = await startRunner();
    const note = notes();
    const idle = valueOf(await ask(`${service}/where`));
    const stuck = ask(`${service}/spin`, [note.file]);
    await note.has("spinning");
    const alsoIdle = valueOf(await ask(`${service}/where`));
    await server.stop({ drainTimeoutMs: 0 });
    expect(errorOf(await stuck)).toMatchObject({ code: "unavailable", executed: "yes" });
    expect(terminated()).toHaveLength(1);
    if (kind === "process") expect([idle.pid, alsoIdle.pid].filter(isAlive)).toEqual([]);
  });

  test.each([
    ["throws when it is imported", "throw new TypeError('not today');"],
    ["ends without a runner server", "export {};"],
  ])("whose entry %s is a config_error, and the runner keeps serving", async (_what, text) => {
    const { file } = notes();
    const entry = `${file}.mjs`;
    writeFileSync(entry, text);
    const { ask } = await startRunner({ isolation: { entry } });
    const error = errorOf(await ask(`${service}/echo`));
    expect(error).toMatchObject({ code: "config_error", executed: "no" });
    expect(error.message).toContain("isolation.entry");
    expect(valueOf(await ask("probe/add", [1, 2]))).toBe(3);
  });

  test("does not run when its deadline passes while its isolate boots", async () => {
    const { ask } = await startRunner();
    const reply = await ask(`${service}/echo`, [1], { timeoutMs: 5 });
    expect(errorOf(reply)).toMatchObject({ code: "timeout", executed: "no", phase: "runner_queue" });
    expect(valueOf(await ask(`${service}/echo`, [2]))).toBe(2);
  });

  test("runs in the caller's process in local mode, and isolated if isolation.entry is set", async () => {
    const logger = { info: () => {}, warn: () => {}, error: () => {} };
    const local = { isolation: kind } as const;
    const here = createFlame({ mode: "local", logger });
    onTestFinished(() => here.shutdown());
    const inPlace = here.service("here", { where: async () => [process.pid, threadId] }, local);
    expect(await inPlace.where()).toEqual([process.pid, threadId]);

    const elsewhere = createFlame({ mode: "local", logger, isolation: { entry: fixture("isolated-runner") } });
    onTestFinished(() => elsewhere.shutdown());
    const apart = elsewhere.service(service, { spin: async () => {}, where: async () => ({ runs: 0 }) }, local);
    expect(await apart.where()).toMatchObject({ runs: 1, isMainThread: kind === "process" });
    await expect(apart.spin.with({ timeoutMs: 400 })()).rejects.toMatchObject(timedOut);
  });
});

test("terminating an isolate process also kills the processes that its handler started", async () => {
  const { ask } = await startRunner();
  const note = notes();
  await ask("in-process/where");
  const reply = await ask("in-process/native", [note.file, 60], { timeoutMs: 500 });
  expect(errorOf(reply)).toMatchObject(timedOut);
  const child = Number(/child (\d+)/.exec(note.text())?.[1]);
  await waitFor(() => !isAlive(child), { what: "the handler's child process to exit" });
});

test("a worker that is blocked in native code is reported as not stopped", async () => {
  const { ask, terminated } = await startRunner();
  const note = notes();
  await ask("in-worker/where");
  const reply = await ask("in-worker/native", [note.file, 12], { timeoutMs: 2_000 });
  expect(errorOf(reply)).toMatchObject(timedOut);
  await waitFor(() => terminated().length === 1, { what: "the IsolateTerminated event" });
  expect(terminated()[0]).toMatchObject({ stopped: false, isolation: "worker" });
  expect(valueOf(await ask("in-worker/echo", ["next"]))).toBe("next");
});

describe("the isolation option", () => {
  test("is rejected when isolation.entry does not exist", async () => {
    const entry = join(tmpdir(), "firelight-has-no-such-module.ts");
    await expect(startRunner({ isolation: { entry } })).rejects.toThrow(ConfigError);
    await expect(startRunner({ isolation: { entry } })).rejects.toThrow(/isolation\.entry is ".*no-such-module/);
  });

  test("is rejected when it is not a known kind", () => {
    const own = createFlame({ mode: "local" });
    // @ts-expect-error: there is no such isolation.
    expect(() => own.fn("odd", async () => 1, { isolation: "thread" })).toThrow(
      'fn "odd": isolation is "thread". Use "none", "worker" or "process".',
    );
  });

  test("is rejected as a call option", () => {
    const own = createFlame({ mode: "local" });
    const odd = own.fn("odd", async () => 1);
    // @ts-expect-error: a call cannot say how the runner runs it.
    expect(() => odd.with({ isolation: "worker" })).toThrow(/isolation is not an option of calls/);
  });

  test("is set per service and per function", () => {
    const own = createFlame({ mode: "local" });
    own.service("mixed", { quick: async () => 1 }, { isolation: "worker", timeoutMs: 5 });
    own.fn("plain", async () => 1, { isolation: "none" });
    expect(own.registry.find("mixed/quick")?.options).toEqual({ isolation: "worker", timeoutMs: 5 });
    expect(own.registry.find("plain/default")?.options).toEqual({ isolation: "none" });
  });
});
