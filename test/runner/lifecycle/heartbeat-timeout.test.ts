import { expect, onTestFinished, test, vi } from "vitest";
import { HeartbeatTimeout } from "../../../src/runner/lifecycle/heartbeat-timeout.ts";
import { waitFor } from "../../harness/wait-for.ts";
import { fact, send, sign, startRunner, verifiedHead } from "../runner-client.ts";

const timeoutMs = 300;

/** A runner that expects heartbeats from its parent, and its calls of process.exit. */
const startExpecting = async (handlers: Parameters<typeof startRunner>[0] = {}) => {
  const exits: Array<unknown> = [];
  const spy = vi.spyOn(process, "exit").mockImplementation(((code: unknown) => exits.push(code)) as never);
  onTestFinished(() => spy.mockRestore());
  const runner = await startRunner({ ...handlers, env: { FLAME_ORPHAN_TIMEOUT_MS: String(timeoutMs) } });
  const orphaned = () => runner.events.filter((event) => event._tag === "RunnerDraining");
  return { runner, orphaned, exits };
};

/** Repeats `what` until `ms` milliseconds have passed. */
const keepDoing = async (ms: number, what: () => Promise<unknown>): Promise<void> => {
  const until = performance.now() + ms;
  await waitFor(async () => (await what(), performance.now() > until), { what: "time to pass", everyMs: 30 });
};

test.each([
  ["heartbeats", "$firelight/heartbeat", 200],
  ["other signed requests", "test/unknown", 404],
])("a runner that receives %s stays alive, and exits with code 0 when they stop", async (_, method, status) => {
  const { runner, orphaned, exits } = await startExpecting();
  await keepDoing(3 * timeoutMs, async () => {
    const reply = await send(runner, sign(method, []));
    expect([reply.status, verifiedHead(reply).runnerId]).toEqual([status, runner.server.runnerId]);
  });
  expect(orphaned()).toEqual([]);
  await waitFor(() => exits.length > 0, { what: "the process to exit" });
  expect(exits).toEqual([0]);
  expect(orphaned()).toEqual([
    expect.objectContaining({ reason: "orphaned", detail: "no heartbeat from its parent within 300 ms" }),
  ]);
});

test("a heartbeat does not count as an invocation", async () => {
  const { runner } = await startExpecting();
  const reply = await send(runner, sign("$firelight/heartbeat", []));
  expect(reply.text).toBe('{"json":null}');
  expect(runner.events).toEqual([]);
});

test("unsigned requests and heartbeats with another secret do not keep a runner alive", async () => {
  const { runner, orphaned } = await startExpecting();
  const stranger = { id: "default", secret: "a guess" };
  const until = performance.now() + 3 * timeoutMs;
  while (orphaned().length === 0 && performance.now() < until + 5_000) {
    for (const path of ["/health", "/ready", "/metrics"]) await fetch(runner.server.url + path).catch(() => {});
    await send(runner, sign("$firelight/heartbeat", [], {}, stranger)).catch(() => {});
  }
  expect(orphaned()).toHaveLength(1);
});

test("a runner without FLAME_ORPHAN_TIMEOUT_MS does not expect heartbeats", async () => {
  const runner = await startRunner({ env: {} });
  await keepDoing(3 * timeoutMs, async () => {});
  expect((await fetch(`${runner.server.url}/ready`)).status).toBe(200);
  expect(runner.events).toEqual([]);
});

test("an orphaned runner finishes its running invocations before it drains", async () => {
  const finish = fact();
  const { runner, orphaned } = await startExpecting({ handlers: { hold: () => finish.promise } });
  const reply = send(runner, sign("test/hold", [], { timeoutMs: 20_000 }));
  await waitFor(() => runner.inFlight() === 1, { what: "the invocation to start" });
  await keepDoing(3 * timeoutMs, async () => {});
  expect(orphaned()).toEqual([]);
  finish.settle();
  expect((await reply).status).toBe(200);
  await waitFor(() => orphaned().length === 1, { what: "the runner to drain" });
});

test("a process whose event loop was blocked reads pending heartbeats before it times out", async () => {
  let orphaned = false;
  const timer = new HeartbeatTimeout({ timeoutMs: 200, busy: () => false, onOrphaned: () => (orphaned = true) });
  onTestFinished(() => timer.stop());
  const until = performance.now() + 600;
  while (performance.now() < until);
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect(orphaned).toBe(false);
  timer.onHeartbeat();
  await waitFor(() => orphaned, { what: "the heartbeat timeout" });
});

test.each([
  ["0", "0"],
  ["-5", "-5"],
  ["soon", '"soon"'],
  ["Infinity", "Infinity"],
])("FLAME_ORPHAN_TIMEOUT_MS=%s is rejected", async (text, shown) => {
  await expect(startRunner({ env: { FLAME_ORPHAN_TIMEOUT_MS: text } })).rejects.toMatchObject({
    code: "config_error",
    message: expect.stringContaining(`FLAME_ORPHAN_TIMEOUT_MS is ${shown}`),
  });
});
