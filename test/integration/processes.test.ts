import { Effect, Fiber } from "effect";
import { expect, test } from "vitest";
import { Scrape } from "../../examples/shared/prometheus-text.ts";
import type { InvokeError } from "../../src/contract/errors.ts";
import { isAlive } from "../harness/start-process.ts";
import { startStopwatch } from "../harness/stopwatch.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { notes, sharedRunners, withRunners } from "./setup.ts";

const failure = async (call: Promise<unknown>): Promise<InvokeError> => {
  try {
    await call;
  } catch (error) {
    return error as InvokeError;
  }
  throw new Error("the call was expected to fail");
};

test("runs a call in another process, on the same runtime", async () => {
  await sharedRunners();
  const answer = await Probe.whoami();
  expect(answer.pid).not.toBe(process.pid);
  expect(answer.bun).toBe("Bun" in globalThis);
});

test("arguments and results keep the types that superjson supports", async () => {
  await sharedRunners();
  const value = {
    when: new Date(0),
    bytes: new Uint8Array([0, 255]),
    map: new Map([["a", 1n]]),
    set: new Set([undefined, null]),
    nested: [{ nan: Number.NaN, minus: -0 }],
  };
  expect(await Probe.echo(value)).toEqual(value);
});

test("spreads calls over runners, with at most maxConcurrency on each", async () => {
  const { flame } = await withRunners({ min: 2, max: 2, maxConcurrency: 2 });
  await waitFor(() => flame.pools["default"]?.stats().runners.idle === 2, { what: "two runners" });
  const { file, lines } = notes();
  await Promise.all([1, 2, 3, 4, 5, 6].map(() => Probe.slow(150, file)));
  const running = lines().reduce(
    ({ now, most }, line) => {
      const next = line.startsWith("start") ? now + 1 : now - 1;
      return { now: next, most: Math.max(most, next) };
    },
    { now: 0, most: 0 },
  );
  expect(running).toEqual({ now: 0, most: 4 });
});

test("retries a call on another runner when its runner is killed and its policy allows retries", async () => {
  const { backend } = await withRunners({ max: 2 });
  const first = await Probe.whoami();
  const survivor = await Probe.dieFirst.with({ retry: { maxAttempts: 2, baseDelayMs: 10 } })();
  expect(survivor).toMatchObject({ attempt: 2 });
  expect(survivor.runner).not.toBe(first.runner);
  await waitFor(() => backend.running().every(({ id }) => id !== first.runner), {
    what: "the dead runner to leave the pool",
  });
});

test("fails a call at once with transport_error when its runner is killed and it may not be retried", async () => {
  await withRunners();
  const { pid } = await Probe.whoami();
  const { file, lines } = notes();
  const call = failure(Probe.slow(60_000, file));
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  const sinceKilled = startStopwatch();
  process.kill(pid, "SIGKILL");
  const error = await call;
  expect(sinceKilled()).toBeLessThan(1_000);
  expect(error).toMatchObject({ code: "transport_error", executed: "unknown", method: "probe/slow", attempt: 1 });
  expect(lines()).toHaveLength(1);
});

test("calls that are queued for a killed runner get another runner", async () => {
  await withRunners({ max: 1 });
  const { pid } = await Probe.whoami();
  const { file, lines } = notes();
  const killed = failure(Probe.slow(60_000, file));
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  const waiting = [Probe.whoami(), Probe.whoami()];
  process.kill(pid, "SIGKILL");
  await killed;
  const answers = await Promise.all(waiting);
  for (const answer of answers) expect(answer.pid).not.toBe(pid);
});

test("boots a runner to restore min after one is killed", async () => {
  const { backend } = await withRunners({ min: 2, max: 2 });
  await waitFor(() => backend.running().length === 2, { what: "two runners" });
  await Probe.whoami();
  const [victim] = backend.running();
  await waitFor(() => Probe.whoami().then(({ pid }) => pid !== undefined), { what: "a runner that serves" });
  process.kill(victim!.pid, "SIGKILL");
  await waitFor(() => backend.running().length === 2 && backend.running().every(({ pid }) => pid !== victim!.pid), {
    what: "two running runners, without the killed one",
    timeoutMs: 20_000,
  });
});

test("times out a call at its deadline and aborts the handler", async () => {
  await sharedRunners();
  await Probe.whoami();
  const { file, lines } = notes();
  const error = await failure(Probe.slow.with({ timeoutMs: 300 })(60_000, file));
  expect(error).toMatchObject({ code: "timeout", phase: "handler", method: "probe/slow" });
  expect(error.elapsedMs).toBeGreaterThanOrEqual(299);
  await waitFor(() => lines().some((line) => line.startsWith("aborted")), {
    what: "the handler to be aborted",
  });
});

test("a call with timeoutMs: 1 fails with timeout and the phase it was in", async () => {
  await sharedRunners();
  await Probe.whoami();
  const error = await failure(Probe.slow.with({ timeoutMs: 1 })(60_000));
  expect(error.code).toBe("timeout");
  expect(["acquire", "network", "handler"]).toContain(error.phase);
});

test("a timeoutMs beyond the limit of timers does not time out at once", async () => {
  await withRunners({ spawnTimeoutMs: 3_000_000_000 });
  expect(await Probe.slow.with({ timeoutMs: 3_000_000_000 })(5)).toBe(1);
});

test("aborting the caller's signal aborts the handler", async () => {
  await sharedRunners();
  const controller = new AbortController();
  const { file, lines } = notes();
  const call = failure(Probe.slow.with({ signal: controller.signal })(60_000, file));
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  controller.abort(new Error("no longer wanted"));
  expect(await call).toMatchObject({ code: "canceled", executed: "unknown" });
  await waitFor(() => lines().some((line) => line.startsWith("aborted")), { what: "the handler to be aborted" });
});

test("interrupting an Effect aborts the handler and frees the slot", async () => {
  const { flame } = await sharedRunners();
  const { file, lines } = notes();
  const fiber = Effect.runFork(flame.toEffect(Probe.slow)(60_000, file));
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  await Effect.runPromise(Fiber.interrupt(fiber));
  await waitFor(() => lines().some((line) => line.startsWith("aborted")), { what: "the handler to be aborted" });
  expect(await Probe.add(1, 2)).toBe(3);
});

test("a call with an aborted signal does not run, and flame_invocation_active returns to 0", async () => {
  const { flame } = await sharedRunners();
  const { file, lines } = notes();
  const error = await failure(Probe.slow.with({ signal: AbortSignal.abort() })(1, file));
  expect(error).toMatchObject({ code: "canceled", executed: "no" });
  await Probe.whoami();
  expect(lines()).toEqual([]);
  const active = new Scrape(await flame.metrics()).samples("flame_invocation_active", { rpc_method: "probe/slow" });
  expect(active.map(({ value }) => value)).toEqual([0]);
});

test("a FlameMethodError reaches the caller with code and message; any other error without its message", async () => {
  await sharedRunners();
  const declined = await failure(Probe.decline());
  expect(declined).toMatchObject({
    code: "remote_error",
    executed: "yes",
    retryable: false,
    remote: { code: "card_declined", message: "The card was declined.", details: { last4: "4242" } },
  });
  const crashed = await failure(Probe.crash());
  expect(crashed).toMatchObject({ code: "remote_error", executed: "yes", retryable: true });
  expect(JSON.stringify([crashed, crashed.message, crashed.remote])).not.toContain("secret");
});

test("a failed boot fails its calls with no_runner and the runner's error", async () => {
  const { processBackend } = await import("../../src/backends/process.ts");
  const entry = new URL("./fixtures/broken-runner.ts", import.meta.url);
  await withRunners({ backend: processBackend({ entry, logs: "ignore" }) });
  const error = await failure(Probe.whoami());
  expect(error).toMatchObject({ code: "no_runner", executed: "no", phase: "acquire" });
  expect(error.message).toContain("the database is not there");
});

test("shutdown rejects new calls, lets running ones finish and leaves no process", async () => {
  const { flame, backend } = await withRunners({ max: 2 });
  const { file, lines } = notes();
  const running = Probe.slow(400, file);
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  const pids = backend.running().map(({ pid }) => pid);
  const ended = flame.shutdown();
  expect(await failure(Probe.whoami())).toMatchObject({ code: "unavailable", executed: "no" });
  expect(await running).toBe(1);
  await ended;
  for (const pid of pids) expect(isAlive(pid)).toBe(false);
});
