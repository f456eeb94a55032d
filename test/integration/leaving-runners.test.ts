/** Runners of a backend that are stopped from outside, as when a spot machine is reclaimed. */
import { expect, onTestFinished, test } from "vitest";
import { type Labels, Scrape } from "../../examples/shared/prometheus-text.ts";
import type { PoolConfig } from "../../src/contract/config/options.ts";
import { flame } from "../../src/index.ts";
import { isAlive } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { loneBackend } from "./fixtures/lone-backend.ts";
import { Probe } from "./fixtures/services.ts";
import { notes, silent, withRunners } from "./setup.ts";

const pool = { min: 2, max: 3, maxConcurrency: 2 } satisfies PoolConfig;
const states = () => flame.pools["default"]!.stats().runners;

const sum = async (metric: string, labels: Labels): Promise<number> =>
  new Scrape(await flame.metrics()).sum(metric, labels);

const idle = (): Promise<unknown> => waitFor(() => states().idle === 2, { what: "two runners" });

/** Starts a long call on a runner, sends the runner SIGTERM, and makes calls until the pool notices. */
const stopOneFromOutside = async (): Promise<{ readonly pid: number; readonly last: Promise<unknown> }> => {
  const { pid, runner } = await Probe.whoami.with({ affinityKey: "one" })();
  const { file, lines } = notes();
  const last = Probe.slow.with({ affinityKey: "one" })(6_000, file);
  await waitFor(() => lines().length === 1, { what: "the call to start" });
  process.kill(pid, "SIGTERM");
  const add = Probe.add.with({ affinityKey: "one" });
  await waitFor(() => states().draining === 1 || add(1, 2).then(() => false), {
    what: `${runner} to be drained`,
  });
  return { pid, last };
};

test("a runner that is stopping gets no more calls, is replaced, and finishes its running call", async () => {
  await withRunners(pool);
  await idle();
  const { pid, last } = await stopOneFromOutside();
  await waitFor(() => states().idle === 2, { what: "a replacement runner" });
  const before = await sum("flame_client_attempt_duration_seconds_count", { attempt_kind: "retry" });
  const answers = await Promise.all(Array.from({ length: 20 }, () => Probe.whoami()));
  expect(answers.map((answer) => answer.pid)).not.toContain(pid);
  expect(await sum("flame_client_attempt_duration_seconds_count", { attempt_kind: "retry" })).toBe(before);
  expect(await last).toBe(1);
  await waitFor(() => states().draining === 0 && !isAlive(pid), { what: "the runner to exit" });
  expect(await sum("flame_runner_terminations_total", { reason: "drain" })).toBe(1);
  expect(await sum("flame_runner_terminations_total", { reason: "crash" })).toBe(0);
});

test("detects the exit of a stopping runner when the backend does not report exits", async () => {
  const pids: Array<number> = [];
  onTestFinished(async () => {
    await flame.shutdown();
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
  const backend = loneBackend((pid) => pids.push(pid), { LONE_RUNNER_LOG: notes().file });
  await flame.configure({ mode: "parent", logger: silent, pools: { default: { ...pool, backend } } });
  await idle();
  const { pid, last } = await stopOneFromOutside();
  expect(await last).toBe(1);
  await waitFor(() => !isAlive(pid), { what: "the runner to exit" });
  await waitFor(() => states().draining === 0, { what: "the pool to notice the exit" });
});
