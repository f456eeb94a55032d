import { expect, test } from "vitest";
import { faultless } from "../harness/ledger.ts";
import { isAlive } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { type Behavior, Chaos } from "./fixtures/services.ts";
import { books, elastic, keepBusy, metric, seeded, size } from "./setup.ts";

test("every call ends exactly once, with a result or a typed error, under random faults of runners, callers and handlers", async () => {
  const chance = seeded();
  const { env, call, read } = books();
  const backend = await elastic({ min: 3, max: 3, maxConcurrency: 8 }, env);
  await waitFor(async () => (await metric("flame_pool_runners", { state: "idle" })) === 3, {
    what: "three runners",
    timeoutMs: 30_000,
  });

  const calls = size({ long: 100_000, short: 3_000 });
  let over = false;
  const faults = { killed: 0, stopped: 0 };

  /** Repeatedly kills a random runner or stops it for a while. */
  const injectFaults = async (): Promise<void> => {
    while (!over) {
      const { pid } = chance.pick(backend.running()) ?? {};
      if (pid === undefined) continue;
      const kill = chance() < 0.4;
      process.kill(pid, kill ? "SIGKILL" : "SIGSTOP");
      faults[kill ? "killed" : "stopped"]++;
      await new Promise((resolve) => setTimeout(resolve, chance.whole(20, 400)));
      if (!kill && isAlive(pid)) process.kill(pid, "SIGCONT");
      await new Promise((resolve) => setTimeout(resolve, chance.whole(50, 300)));
    }
  };

  const one = (turn: number): Promise<unknown> => {
    const id = `call-${turn}`;
    const ms = chance.whole(0, 20);
    const behavior = chance.pick<Behavior>(["well", "well", "well", "well", "well", "fails", "deaf"]);
    const options = {
      timeoutMs: chance() < 0.2 ? chance.whole(1, 40) : 10_000,
      ...(chance() < 0.2 ? { signal: AbortSignal.timeout(chance.whole(0, 40)) } : {}),
    };
    const dies = chance() < 0.002;
    if (chance() < 0.3) {
      const retry = { maxAttempts: 3, baseDelayMs: 5 };
      return call(id, () => Chaos.retried.with({ ...options, retry })(id, ms, dies ? "dies" : behavior));
    }
    return call(id, () => Chaos.work.with(options)(id, ms, dies ? "dies" : behavior));
  };

  const injecting = injectFaults();
  let made = 0;
  await keepBusy(
    48,
    () => made < calls,
    () => one(made++),
  );
  over = true;
  await injecting;

  const { outcomes, executions, ...report } = read();
  console.log(`${faults.killed} runners killed, ${faults.stopped} stopped;`, Object.fromEntries(outcomes));
  expect(report).toEqual({ calls, ...faultless });
  expect(faults.killed).toBeGreaterThan(0);
  expect(faults.stopped).toBeGreaterThan(0);
  expect(outcomes.get("ok")).toBeGreaterThan(calls / 3);
  expect(executions.size).toBeGreaterThan(calls / 3);
  expect(await metric("rpc_client_call_duration_seconds_count")).toBe(calls);
  expect(await metric("flame_invocation_active")).toBe(0);
  expect(await metric("flame_pool_slots_used")).toBe(0);
  expect(await metric("flame_pool_pending_requests")).toBe(0);
  await waitFor(async () => (await metric("flame_pool_slots_provisioned")) === 24, {
    what: "min to be restored",
    timeoutMs: 30_000,
  });
});
