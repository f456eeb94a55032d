import { AssertionError } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { Effect } from "effect";
import { describe, expect, test } from "vitest";
import { processBackend } from "../../src/backends/process.ts";
import type { Backend } from "../../src/contract/config/backend.ts";
import { backendConformance, type ConformanceCheck } from "../../src/testing/index.ts";
import { type InProcessBackend, inProcessBackend } from "./in-process-backend.ts";

describe("the process backend", () => {
  const checks = backendConformance({
    makeBackend: () =>
      processBackend({ entry: new URL("../integration/fixtures/runner.ts", import.meta.url), logs: "ignore" }),
    running: (backend) => backend.running().map(({ id }) => id),
    crash: ({ id }, backend) => process.kill(backend.running().find((runner) => runner.id === id)!.pid, "SIGKILL"),
    disposeBackend: (backend) => {
      for (const { pid } of backend.running()) process.kill(pid, "SIGKILL");
    },
  });
  test.each(checks)("$name", ({ run }) => run());
});

/** The checks for the in-process backend with the given change. */
const checksOf = (
  change: (backend: InProcessBackend) => Partial<InProcessBackend> = () => ({}),
): ReadonlyArray<ConformanceCheck> => {
  const sound = new WeakMap<Backend, InProcessBackend>();
  return backendConformance<InProcessBackend>({
    makeBackend: () => {
      const backend = inProcessBackend();
      const changed = { ...backend, ...change(backend) };
      sound.set(changed, backend);
      return changed;
    },
    running: (backend) => backend.running(),
    crash: (runner, backend) => sound.get(backend)!.terminate(runner),
    disposeBackend: (backend) => sound.get(backend)!.dispose(),
    settleMs: 400,
  });
};

describe("the in-process backend", () => {
  test.each(checksOf())("$name", ({ run }) => run());
});

describe("a backend that returns Effects", () => {
  const checks = checksOf((sound) => ({
    spawn: (request) => Effect.tryPromise(() => sound.spawn(request)) as never,
    terminate: (runner) => Effect.promise(() => sound.terminate(runner)) as never,
  }));
  test.each(checks)("$name", ({ run }) => run());
});

/** The fault of a backend, the check that finds it, and the check's message. */
const breaches: ReadonlyArray<[string, string, RegExp, (sound: InProcessBackend) => Partial<InProcessBackend>]> = [
  [
    "returns a runner that is not ready",
    "a spawned runner is ready",
    /ready does not respond 200/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), url: "http://127.0.0.1:1" }) }),
  ],
  [
    "returns a URL without a protocol",
    "a spawned runner is ready",
    /which is not a URL/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), url: "127.0.0.1" }) }),
  ],
  [
    "does not list running runners",
    "a spawned runner is ready",
    /not among the running ones/,
    () => ({ running: () => [] }),
  ],
  [
    "returns a boot phase that is NaN",
    "a spawned runner is ready",
    /bootPhases.pull is NaN/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), bootPhases: { pull: Number.NaN } }) }),
  ],
  [
    "changes the environment",
    "a runner has the id and the secret of its request",
    /must get the whole env of the request/,
    (sound) => ({
      spawn: (request) => sound.spawn({ ...request, env: { ...request.env, FLAME_SECRET: "another one" } }),
    }),
  ],
  [
    "returns an id other than the runner's",
    "a runner has the id and the secret of its request",
    /runner's id differs from its handle's/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), id: "vm-1" }) }),
  ],
  [
    "returns the same runner for every request",
    "concurrent boots return separate runners",
    /Several runners have the same id/,
    (sound) => {
      let first: ReturnType<InProcessBackend["spawn"]> | undefined;
      return { spawn: (request) => (first ??= sound.spawn(request)) };
    },
  ],
  [
    "does not stop a runner in terminate",
    "terminate stops its runner and no other",
    /is still running/,
    () => ({ terminate: async () => {} }),
  ],
  [
    "never resolves exited",
    "terminate stops its runner and no other",
    /exited of a runner that is gone did not finish/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), exited: new Promise(() => {}) }) }),
  ],
  [
    "terminates all runners instead of one",
    "terminate stops its runner and no other",
    /stopped another one/,
    (sound) => ({ terminate: () => sound.dispose() }),
  ],
  [
    "resolves exited of a running runner",
    "terminate stops its runner and no other",
    /settled although the runner is running/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), exited: Promise.resolve({}) }) }),
  ],
  [
    "rejects terminate for a terminated runner",
    "terminate is idempotent, concurrently and later",
    /no such runner/,
    (sound) => ({
      terminate: async (runner) => {
        if (!sound.running().includes(runner.id)) throw new Error("no such runner");
        await sound.terminate(runner);
      },
    }),
  ],
  [
    "never settles terminate for a crashed runner",
    "a crash is reported, and a crashed runner can be terminated",
    /terminate did not finish within 400 ms/,
    (sound) => ({
      terminate: (runner) => (sound.running().includes(runner.id) ? sound.terminate(runner) : new Promise(() => {})),
    }),
  ],
  [
    "returns healthy for every runner",
    "healthCheck distinguishes a running runner from a crashed one",
    /returns true for a crashed runner/,
    () => ({ healthCheck: async () => true }),
  ],
  [
    "returns unhealthy for every runner",
    "healthCheck distinguishes a running runner from a crashed one",
    /returns false for a running runner/,
    () => ({ healthCheck: async () => false }),
  ],
  [
    "ignores the boot timeout",
    "a boot without time fails and leaves nothing behind",
    /spawn did not finish within 401 ms/,
    (sound) => ({
      spawn: async (request) => {
        await sleep(2_000);
        return sound.spawn(request);
      },
    }),
  ],
  [
    "leaves a runner behind after a boot timeout",
    "a boot without time fails and leaves nothing behind",
    /nothing will stop them/,
    (sound) => ({
      spawn: async (request) => {
        await sound.spawn(request);
        throw new Error("timed out");
      },
    }),
  ],
  [
    "ignores an abort",
    "an abort during a boot stops it and leaves nothing behind",
    /after its signal was aborted, did not finish/,
    (sound) => ({
      spawn: async (request) => {
        await sleep(2_000);
        return sound.spawn(request);
      },
    }),
  ],
  [
    "leaves a runner behind after an abort",
    "an abort during a boot stops it and leaves nothing behind",
    /nothing will stop them/,
    (sound) => ({
      spawn: async (request) => {
        await sound.spawn({ ...request, signal: new AbortController().signal });
        throw request.signal.reason;
      },
    }),
  ],
  [
    "boots a runner for an aborted request",
    "an abort before a boot starts nothing",
    /was aborted from the start/,
    (sound) => ({ spawn: (request) => sound.spawn({ ...request, signal: new AbortController().signal }) }),
  ],
  [
    "puts the environment into handles",
    "neither a handle nor an error contains the secret",
    /The handle of a runner contains the secret/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), env: request.env }) }),
  ],
  [
    "puts the environment into errors",
    "neither a handle nor an error contains the secret",
    /The error of a failed boot contains the secret/,
    (sound) => ({
      spawn: async (request) => {
        if (request.signal.aborted) throw new Error(`failed: docker run ${JSON.stringify(request.env)}`);
        return sound.spawn(request);
      },
    }),
  ],
];

test.each(breaches)("a backend that %s fails the check “%s”", async (_, name, message, change) => {
  const { run } = checksOf(change).find((check) => check.name === name)!;
  const error = await run().then(
    () => new Error("the check passed"),
    (failure: unknown) => failure as Error,
  );
  expect(error.message).toMatch(message);
  if (!/no such runner/.test(error.message)) expect(error).toBeInstanceOf(AssertionError);
});

test("every check fails for at least one faulty backend", () => {
  expect(new Set(breaches.map(([, name]) => name))).toEqual(new Set(checksOf().map(({ name }) => name)));
});
