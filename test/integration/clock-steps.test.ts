/**
 * System clocks that jump while parents and runners are running, and runners that restart: no call fails because of it, and no
 * captured request runs again. The processes are real; the fixtures move their clocks.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { createFlame, type FlameConfig } from "../../src/index.ts";
import { type CapturedRequest, recordRequests, replay, startFaultProxy } from "../harness/fault-proxy.ts";
import { restoreClock, stepClock } from "../harness/step-clock.ts";
import { waitFor } from "../harness/wait-for.ts";
import {
  hour,
  type Runner,
  type RunnerStart,
  second,
  secret,
  shareRunners,
  startRunner as start,
} from "./clock-runners.ts";
import { type Clock, clockMethods } from "./fixtures/clock-services.ts";

/** Replay window of runners that must forget requests within a test: short, but longer than a loaded machine delays a request. */
const windowMs = 3 * second;

/** The parent of these tests is on Node; with runners on Bun, which boots in half the time, both runtimes judge clocks. */
const runtime = "bun";
const startRunner = (options: RunnerStart = {}): Promise<Runner> => start({ runtime, ...options });

afterEach(restoreClock);

/** Restarts a runner with the same id and port, as an orchestrator does. */
const restart = async (runner: Runner, env: Readonly<Record<string, string>> = {}): Promise<Runner> => {
  runner.kill();
  await runner.exited;
  return startRunner({ ...(runner.id === undefined ? {} : { id: runner.id }), port: runner.port, env });
};

interface Parent {
  readonly clock: typeof Clock;
  readonly logged: (event: string) => ReadonlyArray<string>;
  readonly metrics: () => Promise<string>;
}

/** Creates a parent of the runner at this address. `id` is the runner's id in the pool configuration, if it has one. */
const parentOf = (url: string, id: string | undefined, config: FlameConfig = {}): Parent => {
  const records: Array<{ event: unknown; message: string }> = [];
  const keep = (message: string, meta?: Record<string, unknown>): void =>
    void records.push({ event: meta?.["event.name"], message });
  const parent = createFlame({
    mode: "parent",
    security: { secret },
    logger: { info: keep, warn: keep, error: keep },
    pools: { default: { runners: [id === undefined ? { url } : { id, url }], transport: "http", maxConcurrency: 32 } },
    ...config,
  });
  onTestFinished(() => parent.shutdown());
  return {
    clock: parent.service("clock", clockMethods),
    logged: (event) => records.filter((record) => record.event === event).map(({ message }) => message),
    metrics: () => parent.metrics(),
  };
};

interface Runs {
  readonly file: string;
  /** One id per execution. */
  readonly ids: () => ReadonlyArray<string>;
}

const openRuns = (): Runs => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-clock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "runs");
  writeFileSync(file, "");
  return { file, ids: () => readFileSync(file, "utf8").split("\n").slice(0, -1) };
};

const names = (prefix: string, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

const runAll = (clock: typeof Clock, file: string, ids: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
  Promise.all(ids.map((id) => clock.run(file, id, 0)));

/** Replays all captured requests at once and expects that none runs. */
const expectNoReplay = async (runs: Runs, captured: ReadonlyArray<CapturedRequest>, port: number): Promise<void> => {
  const before = runs.ids();
  const statuses = await Promise.all(captured.map((request) => replay(request, port)));
  expect(statuses).toHaveLength(captured.length);
  expect(runs.ids()).toEqual(before);
};

/** Starts a proxy that records the requests. */
const startRecordingProxy = async (to: ReadonlyArray<number>) => {
  const requests = recordRequests();
  const proxy = await startFaultProxy({ to }, requests);
  return { ...proxy, captured: requests.captured };
};

type RecordingProxy = Awaited<ReturnType<typeof startRecordingProxy>>;

/** The processes whose clock is moved. */
const sides = ["runner", "parent", "both"] as const;
const steps = [hour, -hour, 30 * second, -30 * second] as const;

describe.each(sides)("a clock step on %s", (side) => {
  const shared = shareRunners((share) => share({ runtime, id: "stepped", env: { CLOCK_WINDOW_MS: String(windowMs) } }));

  /** Moves the clocks permanently. */
  const stepOn = async (clock: typeof Clock, ms: number): Promise<void> => {
    if (side !== "parent") await clock.step(ms);
    if (side !== "runner") stepClock(ms);
  };

  test.each(steps)("of %d ms fails no call and lets no request be replayed", async (stepMs) => {
    const runs = openRuns();
    const runner = shared();
    const proxy = await startRecordingProxy([runner.port]);
    const { clock } = parentOf(proxy.url, "stepped");
    await runAll(clock, runs.file, names("before", 10));

    const held = clock.run(runs.file, "held", 300);
    await waitFor(() => runs.ids().includes("held"), { what: "the held call to start" });
    await stepOn(clock, stepMs);
    const sentBefore = proxy.captured.length;
    await clock.run(runs.file, "first", 0);
    expect(proxy.captured.length - sentBefore, "requests sent until the call was served").toBeLessThanOrEqual(3);
    await runAll(clock, runs.file, names("after", 20));
    expect(await held).toBe("held");
    await expectNoReplay(runs, proxy.captured, runner.port);

    const forgottenAt = performance.now() + 2.25 * windowMs;
    for (let turn = 0; performance.now() < forgottenAt; turn++) await clock.run(runs.file, `later-${turn}`, 250);
    await expectNoReplay(runs, proxy.captured, runner.port);

    await stepOn(clock, -stepMs);
    await runAll(clock, runs.file, names("back", 10));
    await expectNoReplay(runs, proxy.captured, runner.port);
    expect(new Set(runs.ids()).size).toBe(runs.ids().length);
  });
});

test("a runner whose clock was stepped serves parents that start later, with or without the same step", async () => {
  const runs = openRuns();
  const runner = await startRunner({ id: "stepped" });
  const first = parentOf(runner.url, "stepped");
  await first.clock.step(-hour);
  await parentOf(runner.url, "stepped").clock.run(runs.file, "right", 0);
  stepClock(-hour);
  await parentOf(runner.url, "stepped").clock.run(runs.file, "as the runner", 0);
  expect(runs.ids()).toEqual(["right", "as the runner"]);
});

test("a parent whose clock was stepped can call runners that start later, with or without the same step", async () => {
  const runs = openRuns();
  const old = await startRunner({ id: "moving" });
  const proxy = await startRecordingProxy([old.port]);
  const { clock } = parentOf(proxy.url, "moving");
  await clock.run(runs.file, "before", 0);
  stepClock(hour);
  const right = await startRunner({ id: "moving" });
  await proxy.leadTo(right.port);
  await clock.run(runs.file, "without the step", 0);
  const alike = await startRunner({ id: "moving", env: { CLOCK_STEP_MS: String(hour) } });
  await proxy.leadTo(alike.port);
  await clock.run(runs.file, "with the step", 0);
  expect(runs.ids()).toEqual(["before", "without the step", "with the step"]);
});

test("both sides log and count a clock step with its size and direction, without signature rejections", async () => {
  const runner = await startRunner({ id: "stepped" });
  const { clock, logged, metrics } = parentOf(runner.url, "stepped");
  await clock.pid();
  await clock.step(-hour);
  stepClock(hour);
  await clock.pid();
  await runner.waitForOutput(/The system clock of runner stepped .* jumped back by 60\.0 min/);
  const served = await (await fetch(`${runner.url}/metrics`)).text();
  expect(served).toMatch(/^flame_clock_steps_total\{.*direction="back".*\} 1$/m);
  expect(served).not.toMatch(/^flame_signature_rejections_total\{.*\} [1-9]/m);
  expect(logged("flame.clock.stepped")).toEqual([expect.stringMatching(/this parent .* jumped forward by 60\.0 min/)]);
  expect(await metrics()).toMatch(/^flame_clock_steps_total\{.*direction="forward".*\} 1$/m);
});

test("flame_runner_clock_offset_seconds stays near zero after the same clock step on both sides", async () => {
  const runner = await startRunner({ id: "stepped" });
  const { clock, metrics } = parentOf(runner.url, "stepped");
  await clock.step(5 * second);
  stepClock(5 * second);
  const inTheFirstBuckets = async (): Promise<number> =>
    Number(/^flame_runner_clock_offset_seconds_bucket\{.*le="0\.5".*\} (\d+)$/m.exec(await metrics())![1]);
  const before = await inTheFirstBuckets();
  for (let call = 0; call < 20; call++) await clock.pid();
  expect(await inTheFirstBuckets()).toBe(before + 20);
});

describe("a restarted runner", () => {
  /** Starts a runner, makes 50 calls to it through a recording proxy, and returns both with the executions. */
  const capture = async (id: string | undefined, parentAheadMs: number) => {
    const runs = openRuns();
    const runner = await startRunner(id === undefined ? {} : { id });
    const proxy = await startRecordingProxy([runner.port]);
    stepClock(parentAheadMs);
    const { clock, metrics } = parentOf(proxy.url, id);
    const ids = names("before", 50);
    await runAll(clock, runs.file, ids);
    expect(runs.ids().toSorted()).toEqual(ids.toSorted());
    return { runs, runner, proxy, clock, metrics };
  };

  const goesOn = async (runs: Runs, proxy: RecordingProxy, clock: typeof Clock, next: Runner): Promise<void> => {
    await proxy.leadTo(next.port);
    await clock.run(runs.file, "after", 0);
    await runAll(clock, runs.file, names("after", 20));
    expect(runs.ids()).toHaveLength(71);
  };

  test.each([
    ["with a configured id", "restarted", 0],
    ["with a configured id, while its parent's clock is 59 s ahead", "restarted", 59 * second],
    ["with a configured id, while its parent's clock is 59 s behind", "restarted", -59 * second],
    ["without a configured id", undefined, 0],
    ["without a configured id, while its parent's clock is 59 s ahead", undefined, 59 * second],
    ["without a configured id, while its parent's clock is 59 s behind", undefined, -59 * second],
  ])("%s rejects replays of 50 captured calls and serves its parent's next call", async (_case, id, aheadMs) => {
    const { runs, runner, proxy, clock } = await capture(id, aheadMs);
    const old = [...proxy.captured];
    const next = await restart(runner);
    await expectNoReplay(runs, old, next.port);
    await goesOn(runs, proxy, clock, next);
    await expectNoReplay(runs, proxy.captured, next.port);
  });

  test.each([-30 * second, -hour, 30 * second, hour])(
    "whose clock jumped by %d ms meanwhile rejects the replays too, also after the clock is corrected",
    async (stepMs) => {
      const { runs, runner, proxy, clock } = await capture("restarted", 0);
      const old = [...proxy.captured];
      const next = await restart(runner, { CLOCK_STEP_MS: String(stepMs) });
      await expectNoReplay(runs, old, next.port);
      stepClock(stepMs);
      await goesOn(runs, proxy, clock, next);
      await clock.step(-stepMs);
      await expectNoReplay(runs, old, next.port);
      await expectNoReplay(runs, proxy.captured, next.port);
    },
  );

  test("serves the first call of a new parent whose clock is 59 s behind or ahead", async () => {
    const runs = openRuns();
    for (const aheadMs of [-59 * second, 59 * second]) {
      const runner = await startRunner({ id: "new" });
      stepClock(aheadMs);
      await parentOf(runner.url, "new").clock.run(runs.file, String(aheadMs), 0);
      restoreClock();
    }
    expect(runs.ids()).toHaveLength(2);
  });

  test("counts rejected replays; its parents sign again and count no signature errors", async () => {
    const { runs, runner, proxy, clock, metrics } = await capture("restarted", 0);
    const old = [...proxy.captured];
    const next = await restart(runner);
    await goesOn(runs, proxy, clock, next);
    await expectNoReplay(runs, old, next.port);
    const served = await (await fetch(`${next.url}/metrics`)).text();
    const refused = Number(/^flame_signature_rejections_total\{.*reason="instance".*\} (\d+)$/m.exec(served)![1]);
    expect(refused).toBeGreaterThanOrEqual(50);
    expect(await metrics()).not.toMatch(/^rpc_client_call_duration_seconds_count\{.*SIGNATURE.*\} [1-9]/im);
  });
});

test("does not retry a request that was in flight when its runner restarted: the old process may have run it", async () => {
  const runs = openRuns();
  const runner = await startRunner({ id: "restarted" });
  const proxy = await startRecordingProxy([runner.port]);
  const { clock } = parentOf(proxy.url, "restarted");
  await clock.run(runs.file, "before", 0);
  proxy.hold();
  const sent = proxy.captured.length;
  const held = clock.run(runs.file, "held", 0);
  const refused = expect(held).rejects.toMatchObject({ code: "unavailable", executed: "unknown" });
  await waitFor(() => proxy.captured.length > sent, { what: "the held call to be sent" });
  const next = await restart(runner);
  await proxy.leadTo(next.port);
  await refused;
  expect(await clock.run(runs.file, "after", 0)).toBe("after");
  expect(runs.ids()).toEqual(["before", "after"]);
});

test("calls all replicas behind one address, each with its own instance id", async () => {
  const runs = openRuns();
  const replicas = [await startRunner(), await startRunner(), await startRunner()];
  const proxy = await startRecordingProxy(replicas.map(({ port }) => port));
  const { clock } = parentOf(proxy.url, undefined);
  for (let turn = 0; turn < 5; turn++) await runAll(clock, runs.file, names(`turn-${turn}`, 12));
  expect(runs.ids()).toHaveLength(60);
  expect(new Set(await Promise.all(names("pid", 12).map(() => clock.pid()))).size).toBe(3);
});
