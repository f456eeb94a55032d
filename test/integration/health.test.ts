/** Runners at fixed addresses that hang, die and come back. */
import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { processBackend } from "../../src/backends/process.ts";
import { flame } from "../../src/index.ts";
import { startStopwatch } from "../harness/stopwatch.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { entryOf, silent } from "./setup.ts";

/** Starts runners that the pool under test knows by their address only. */
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

/** How long calls may be held beyond their deadline here. The figure itself is a matter of the chaos tests, which know when a machine is busy. */
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

test("a hung runner holds nobody past the deadline, is ejected, and is readmitted when it answers again", async () => {
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

test("a runner that is gone is left out, and calls fail over to one that is there", async () => {
  const { pidOf, states } = await startRunners(2);
  process.kill(pidOf("static-1"), "SIGKILL");
  await waitFor(() => states().ejected === 1, { what: "the dead runner to be noticed by its health check" });
  expect(await Promise.all(Array.from({ length: 8 }, () => settled(2_000)))).toEqual(Array(8).fill("ok"));
});
