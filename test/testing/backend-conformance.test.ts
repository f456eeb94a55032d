import { AssertionError } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { Effect } from "effect";
import { describe, expect, test } from "vitest";
import { processBackend } from "../../src/backends/process.ts";
import type { Backend } from "../../src/contract/config/backend.ts";
import { backendConformance } from "../../src/testing/index.ts";
import type { ConformanceCheck } from "../../src/testing/index.ts";
import type { InProcessBackend } from "./in-process-backend.ts";
import { inProcessBackend } from "./in-process-backend.ts";

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

/** The checks for the in-process backend after something was changed about it. */
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

describe("a backend without processes", () => {
  test.each(checksOf())("$name", ({ run }) => run());
});

describe("a backend that is written with Effect", () => {
  const checks = checksOf((sound) => ({
    spawn: (request) => Effect.tryPromise(() => sound.spawn(request)) as never,
    terminate: (runner) => Effect.promise(() => sound.terminate(runner)) as never,
  }));
  test.each(checks)("$name", ({ run }) => run());
});

/** What is wrong with a backend, the check that finds it, and what it says. */
const breaches: ReadonlyArray<[string, string, RegExp, (sound: InProcessBackend) => Partial<InProcessBackend>]> = [
  [
    "gives runners that are not up yet",
    "a spawned runner is ready",
    /ready does not respond 200/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), url: "http://127.0.0.1:1" }) }),
  ],
  [
    "gives an address without a protocol",
    "a spawned runner is ready",
    /which is not a URL/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), url: "127.0.0.1" }) }),
  ],
  ["does not list what runs", "a spawned runner is ready", /not among the running ones/, () => ({ running: () => [] })],
  [
    "measures boot phases that are no numbers",
    "a spawned runner is ready",
    /bootPhases.pull is NaN/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), bootPhases: { pull: Number.NaN } }) }),
  ],
  [
    "loses the environment",
    "a runner has the id and the secret of its request",
    /must get the whole env of the request/,
    (sound) => ({
      spawn: (request) => sound.spawn({ ...request, env: { ...request.env, FLAME_SECRET: "another one" } }),
    }),
  ],
  [
    "names runners otherwise than it tells them",
    "a runner has the id and the secret of its request",
    /runner's id differs from its handle's/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), id: "vm-1" }) }),
  ],
  [
    "gives the same runner to everyone",
    "concurrent boots return separate runners",
    /Several runners have the same id/,
    (sound) => {
      let first: ReturnType<InProcessBackend["spawn"]> | undefined;
      return { spawn: (request) => (first ??= sound.spawn(request)) };
    },
  ],
  [
    "forgets to stop what it terminates",
    "terminate stops its runner and no other",
    /is still running/,
    () => ({ terminate: async () => {} }),
  ],
  [
    "never tells that a runner has ended",
    "terminate stops its runner and no other",
    /exited of a runner that is gone did not finish/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), exited: new Promise(() => {}) }) }),
  ],
  [
    "terminates all runners for one",
    "terminate stops its runner and no other",
    /stopped another one/,
    (sound) => ({ terminate: () => sound.dispose() }),
  ],
  [
    "tells the end of runners that live",
    "terminate stops its runner and no other",
    /settled although the runner is running/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), exited: Promise.resolve({}) }) }),
  ],
  [
    "fails to terminate what is gone",
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
    "waits for ever to terminate what is gone",
    "a crash is reported, and a crashed runner can be terminated",
    /terminate did not finish within 400 ms/,
    (sound) => ({
      terminate: (runner) => (sound.running().includes(runner.id) ? sound.terminate(runner) : new Promise(() => {})),
    }),
  ],
  [
    "finds everything healthy",
    "healthCheck distinguishes a running runner from a crashed one",
    /returns true for a crashed runner/,
    () => ({ healthCheck: async () => true }),
  ],
  [
    "finds nothing healthy",
    "healthCheck distinguishes a running runner from a crashed one",
    /returns false for a running runner/,
    () => ({ healthCheck: async () => false }),
  ],
  [
    "does not look at the time",
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
    "leaves a boot behind that had no time",
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
    "does not hear an abort",
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
    "gives up an aborted boot and leaves it running",
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
    "boots what nobody wants any more",
    "an abort before a boot starts nothing",
    /was aborted from the start/,
    (sound) => ({ spawn: (request) => sound.spawn({ ...request, signal: new AbortController().signal }) }),
  ],
  [
    "puts the environment into its handles",
    "neither a handle nor an error contains the secret",
    /The handle of a runner contains the secret/,
    (sound) => ({ spawn: async (request) => ({ ...(await sound.spawn(request)), env: request.env }) }),
  ],
  [
    "puts the environment into its errors",
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

test.each(breaches)("a backend that %s is found by “%s”", async (_, name, message, change) => {
  const { run } = checksOf(change).find((check) => check.name === name)!;
  const error = await run().then(
    () => new Error("the check passed"),
    (failure: unknown) => failure as Error,
  );
  expect(error.message).toMatch(message);
  if (!/no such runner/.test(error.message)) expect(error).toBeInstanceOf(AssertionError);
});

test("every check is failed by some backend", () => {
  expect(new Set(breaches.map(([, name]) => name))).toEqual(new Set(checksOf().map(({ name }) => name)));
});
