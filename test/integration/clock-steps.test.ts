/**
 * System clocks that are set while parents and runners live, and runners that are restarted: no call ends for it, and nothing that
 * was captured runs again. The processes are real; their clocks are moved as the fixtures say.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { FlameConfig } from "../../src/index.ts";
import { createFlame, flame } from "../../src/index.ts";
import { type CapturedRequest, recordRequests, replay, startFaultProxy } from "../harness/fault-proxy.ts";
import { startProcess, type StartedProcess } from "../harness/start-process.ts";
import { restoreClock, stepClock } from "../harness/step-clock.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Clock, clockMethods, InProcess, InWorker } from "./fixtures/clock-services.ts";

const secret = "a secret of the tests of clocks";
const second = 1_000;
const hour = 3_600 * second;
/** Of the runners that are to forget requests within a test: short, and longer than a loaded machine holds up a request. */
const windowMs = 3 * second;
const silent = { info: () => {}, warn: () => {}, error: () => {} };

afterEach(restoreClock);

interface Runner extends StartedProcess {
  readonly id: string | undefined;
  readonly url: string;
  readonly port: number;
}

interface RunnerStart {
  readonly id?: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const bootRunner = async (
  { id, port = 0, env = {} }: RunnerStart,
  ended: (end: () => Promise<void>) => void,
): Promise<Runner> => {
  const runner = await startProcess({
    command: [process.execPath, fileURLToPath(new URL("./fixtures/clock-runner.ts", import.meta.url))],
    env: {
      FLAME_MODE: "runner",
      FLAME_RUNNER_ID: id,
      FLAME_SECRET: secret,
      FLAME_HOST: "127.0.0.1",
      FLAME_PORT: String(port),
      ...env,
    },
  });
  ended(async () => runner[Symbol.asyncDispose]());
  const [, url] = await runner.waitForOutput(/^ready (\S+)$/m);
  return Object.assign(runner, { id, url: url!, port: Number(new URL(url!).port) });
};

/** A runner of one test. */
const startRunner = (start: RunnerStart = {}): Promise<Runner> => bootRunner(start, onTestFinished);

/** Runners that the tests of a block share: each test leaves the clocks as they were. */
const shareRunners = <A>(boot: (start: (start: RunnerStart) => Promise<Runner>) => Promise<A>): (() => A) => {
  const ends: Array<() => Promise<void>> = [];
  let shared: A;
  beforeAll(async () => {
    shared = await boot((start) => bootRunner(start, (end) => void ends.push(end)));
  });
  afterAll(() => Promise.all(ends.map((end) => end())));
  return () => shared;
};

/** The same runner, as its orchestrator starts it again. */
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

/** A parent of a runner at this address; `id` as its pool knows it. */
const parentOf = (url: string, id: string | undefined, config: FlameConfig = {}): Parent => {
  const records: Array<{ event: unknown; message: string }> = [];
  const keep = (message: string, meta?: Record<string, unknown>): void =>
    void records.push({ event: meta?.["event.name"], message });
  const parent = createFlame({
    mode: "parent",
    security: { secret },
    logger: { info: keep, warn: keep, error: keep },
    pools: { default: { runners: [id === undefined ? { url } : { id, url }], maxConcurrency: 32 } },
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
  /** The ids that were run, one for each run. */
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

/** Sends copies of everything, all at once, and expects that nothing runs. */
const expectNoReplay = async (runs: Runs, captured: ReadonlyArray<CapturedRequest>, port: number): Promise<void> => {
  const before = runs.ids();
  const statuses = await Promise.all(captured.map((request) => replay(request, port)));
  expect(statuses).toHaveLength(captured.length);
  expect(runs.ids()).toEqual(before);
};

describe("the deadline of nested calls", () => {
  const timeoutMs = 20_000;

  const outer = shareRunners(async (start) => {
    const inner = await start({ id: "inner" });
    return start({ id: "outer", env: { CLOCK_NEXT: `inner ${inner.url}` } });
  });

  const connect = async (): Promise<void> => {
    onTestFinished(() => flame.shutdown());
    await flame.configure({
      mode: "parent",
      logger: silent,
      security: { secret },
      pools: { default: { runners: [{ id: "outer", url: outer().url }] } },
    });
  };

  const expectKept = async (nested: (stepMs: number) => PromiseLike<{ ownMs: number; nestedMs: number }>) => {
    for (const stepMs of [hour, -hour]) {
      const { ownMs, nestedMs } = await nested(stepMs);
      expect(ownMs).toBeGreaterThan(0);
      expect(ownMs).toBeLessThanOrEqual(timeoutMs + 2);
      expect(nestedMs).toBeGreaterThan(0);
      expect(nestedMs).toBeLessThanOrEqual(ownMs + 2);
    }
  };

  test.each([
    ["on the runner", Clock],
    ["in a worker", InWorker],
    ["in a process", InProcess],
  ])("is neither reached nor moved when the clock is set by an hour, %s", async (_where, service) => {
    await connect();
    await expectKept(service.nested.with({ timeoutMs }));
  });

  test("is neither reached nor moved when the clock is set by an hour, in local mode", async () => {
    onTestFinished(() => flame.shutdown());
    await flame.configure({ mode: "local", logger: silent });
    await expectKept(Clock.nested.with({ timeoutMs }));
  });
});

/** A proxy that keeps copies of the requests. */
const startRecordingProxy = async (to: ReadonlyArray<number>) => {
  const requests = recordRequests();
  const proxy = await startFaultProxy({ to }, requests);
  return { ...proxy, captured: requests.captured };
};

type RecordingProxy = Awaited<ReturnType<typeof startRecordingProxy>>;

/** Who sees the clock move. */
const sides = ["runner", "parent", "both"] as const;
const steps = [hour, -hour, 30 * second, -30 * second] as const;

describe.each(sides)("a clock that is set on: %s", (side) => {
  const shared = shareRunners((start) => start({ id: "stepped", env: { CLOCK_WINDOW_MS: String(windowMs) } }));

  /** Moves clocks for good. */
  const stepOn = async (clock: typeof Clock, ms: number): Promise<void> => {
    if (side !== "parent") await clock.step(ms);
    if (side !== "runner") stepClock(ms);
  };

  test.each(steps)("by %d ms ends no call, and lets nothing in twice", async (stepMs) => {
    const runs = openRuns();
    const runner = shared();
    const proxy = await startRecordingProxy([runner.port]);
    const { clock } = parentOf(proxy.url, "stepped");
    await runAll(clock, runs.file, names("before", 10));

    const held = clock.run(runs.file, "held", 300);
    await waitFor(() => runs.ids().includes("held"), { what: "the call to be under way" });
    await stepOn(clock, stepMs);
    const sentBefore = proxy.captured.length;
    await clock.run(runs.file, "first", 0);
    expect(proxy.captured.length - sentBefore, "questions and calls until it was served").toBeLessThanOrEqual(3);
    await runAll(clock, runs.file, names("after", 20));
    expect(await held).toBe("held");
    await expectNoReplay(runs, proxy.captured, runner.port);

    const forgottenAt = performance.now() + 2.25 * windowMs;
    for (let turn = 0; performance.now() < forgottenAt; turn++) await clock.run(runs.file, `later-${turn}`, 20);
    await expectNoReplay(runs, proxy.captured, runner.port);

    await stepOn(clock, -stepMs);
    await runAll(clock, runs.file, names("back", 10));
    await expectNoReplay(runs, proxy.captured, runner.port);
    expect(new Set(runs.ids()).size).toBe(runs.ids().length);
  });
});

test("a parent that starts after the runner's clock was set is served, whichever time it has", async () => {
  const runs = openRuns();
  const runner = await startRunner({ id: "stepped" });
  const first = parentOf(runner.url, "stepped");
  await first.clock.step(-hour);
  await parentOf(runner.url, "stepped").clock.run(runs.file, "right", 0);
  stepClock(-hour);
  await parentOf(runner.url, "stepped").clock.run(runs.file, "as the runner", 0);
  expect(runs.ids()).toEqual(["right", "as the runner"]);
});

test("a parent whose clock was set knows how to call runners that start afterwards, with or without the step", async () => {
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

test("log and metrics of both sides say that a clock was set, by how much, and nobody's signature is blamed", async () => {
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

test("a clock that is set on both sides leaves no difference of clocks behind", async () => {
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

describe("a runner that is restarted", () => {
  /** Reads which runner ran, and what was captured of 50 calls to it. */
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
    ["of a known id", "restarted", 0],
    ["of a known id, whose parent's clock is ahead", "restarted", 59 * second],
    ["of a known id, whose parent's clock is behind", "restarted", -59 * second],
    ["of an unknown id", undefined, 0],
    ["of an unknown id, whose parent's clock is ahead", undefined, 59 * second],
    ["of an unknown id, whose parent's clock is behind", undefined, -59 * second],
  ])("runs none of 50 captured calls again, and its parent's next call: %s", async (_case, id, aheadMs) => {
    const { runs, runner, proxy, clock } = await capture(id, aheadMs);
    const old = [...proxy.captured];
    const next = await restart(runner);
    await expectNoReplay(runs, old, next.port);
    await goesOn(runs, proxy, clock, next);
    await expectNoReplay(runs, proxy.captured, next.port);
  });

  test.each([-30 * second, -hour, 30 * second, hour])(
    "with its clock set by %d ms meanwhile runs none of them either, nor once the clock is right again",
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

  test("takes calls at once from a parent that has never seen it, whatever its clock", async () => {
    const runs = openRuns();
    for (const aheadMs of [-59 * second, 59 * second]) {
      const runner = await startRunner({ id: "new" });
      stepClock(aheadMs);
      await parentOf(runner.url, "new").clock.run(runs.file, String(aheadMs), 0);
      restoreClock();
    }
    expect(runs.ids()).toHaveLength(2);
  });

  test("counts what it refused, and wakes nobody: its parents sign again", async () => {
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

test("a request that was under way while its runner was restarted is not sent again: the process before may have run it", async () => {
  const runs = openRuns();
  const runner = await startRunner({ id: "restarted" });
  const proxy = await startRecordingProxy([runner.port]);
  const { clock } = parentOf(proxy.url, "restarted");
  await clock.run(runs.file, "before", 0);
  proxy.hold();
  const sent = proxy.captured.length;
  const held = clock.run(runs.file, "held", 0);
  const refused = expect(held).rejects.toMatchObject({ code: "unavailable", executed: "unknown" });
  await waitFor(() => proxy.captured.length > sent, { what: "the call to be under way" });
  const next = await restart(runner);
  await proxy.leadTo(next.port);
  await refused;
  expect(await clock.run(runs.file, "after", 0)).toBe("after");
  expect(runs.ids()).toEqual(["before", "after"]);
});

test("replicas behind one address are called, each under its own instance", async () => {
  const runs = openRuns();
  const replicas = [await startRunner(), await startRunner(), await startRunner()];
  const proxy = await startRecordingProxy(replicas.map(({ port }) => port));
  const { clock } = parentOf(proxy.url, undefined);
  for (let turn = 0; turn < 5; turn++) await runAll(clock, runs.file, names(`turn-${turn}`, 12));
  expect(runs.ids()).toHaveLength(60);
  expect(new Set(await Promise.all(names("pid", 12).map(() => clock.pid()))).size).toBe(3);
});
