/** Runners at fixed addresses that hang, die and come back. */
import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { processBackend } from "../../src/backends/process.ts";
import { flame } from "../../src/index.ts";
import { startStopwatch } from "../harness/stopwatch.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { entryOf, silent } from "./setup.ts";

/** Starts runners and a pool that knows them as static runners. */
const startRunners = async (count: number) => {
  const secret = randomBytes(16).toString("hex");
  const backend = processBackend({ entry: entryOf("runner"), logs: "ignore" });
  const handles = await Promise.all(
    Array.from({ length: count }, (_, index) => {
      const runnerId = `static-${index}`;
      return backend.spawn({
        poolName: "default",
        runnerId,
        env: { FLAME_MODE: "runner", FLAME_RUNNER_ID: runnerId, FLAME_SECRET: secret },
        timeoutMs: 20_000,
        signal: new AbortController().signal,
      });
    }),
  );
  const pidOf = (id: string): number => backend.running().find((runner) => runner.id === id)!.pid;
  onTestFinished(async () => {
    await flame.shutdown();
    for (const { pid } of backend.running()) process.kill(pid, "SIGCONT");
    await Promise.all(handles.map((handle) => backend.terminate(handle)));
  });
  await flame.configure({
    mode: "parent",
    logger: silent,
    security: { secret },
    pools: { default: { runners: handles.map(({ id, url }) => ({ id, url })), healthCheckMs: 200 } },
  });
  return { pidOf, states: () => flame.pools["default"]!.stats().runners };
};

/** Maximum time that calls may take beyond their deadline. The chaos tests assert a tighter bound: they account for a busy machine. */
const leewayMs = 1_000;

const settled = async (timeoutMs: number): Promise<"ok" | "timeout"> => {
  const elapsed = startStopwatch();
  try {
    await Probe.add.with({ timeoutMs })(1, 2);
    return "ok";
  } catch (error) {
    expect(error).toMatchObject({ code: "timeout" });
    expect(elapsed()).toBeLessThan(timeoutMs + leewayMs);
    return "timeout";
  }
};

test("calls to a hung runner time out at their deadline; the runner is ejected, and readmitted when it responds again", async () => {
  const { pidOf, states } = await startRunners(2);
  await Promise.all([1, 2, 3, 4].map(() => Probe.add(1, 2)));
  process.kill(pidOf("static-0"), "SIGSTOP");
  const during = await Promise.all(Array.from({ length: 8 }, () => settled(300)));
  expect(during).toContain("timeout");
  await waitFor(() => states().ejected === 1, { what: "the hung runner to be ejected" });
  expect(await Promise.all(Array.from({ length: 8 }, () => settled(2_000)))).toEqual(Array(8).fill("ok"));
  process.kill(pidOf("static-0"), "SIGCONT");
  await waitFor(() => states().ejected === 0, { what: "the runner to be readmitted" });
  const answers = await Promise.all(Array.from({ length: 8 }, () => Probe.whoami()));
  expect(new Set(answers.map(({ runner }) => runner)).size).toBe(2);
});

test("ejects a dead runner, and calls fail over to another", async () => {
  const { pidOf, states } = await startRunners(2);
  process.kill(pidOf("static-1"), "SIGKILL");
  await waitFor(() => states().ejected === 1, { what: "the health check to eject the dead runner" });
  expect(await Promise.all(Array.from({ length: 8 }, () => settled(2_000)))).toEqual(Array(8).fill("ok"));
});
