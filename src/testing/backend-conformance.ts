/**
 * Checks of everything that a pool expects from a backend. They need no particular test runner.
 */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import type { Backend, RunnerHandle } from "../contract/config/backend.ts";
import { integer, maxTimerMs, milliseconds } from "../contract/validation/check-number.ts";
import { invokePath } from "../contract/config/config-schema.ts";
import { fn } from "../contract/validation/option-checks.ts";
import { object, readOption, required } from "../contract/validation/option-schema.ts";
import { defaults } from "../contract/config/options.ts";
import { addressFault, runnerIdFault } from "../contract/config/runner-url.ts";
import { toPromise } from "../parent/pool/to-promise.ts";
import { type SpawnOutcome, Trial } from "./backend-trial.ts";
import { assertIdentity, readyStatus } from "./runner-ping.ts";

/** Options of {@link backendConformance}. */
export interface BackendConformanceOptions<B extends Backend = Backend> {
  /** Creates the backend; called for each check. Its runners must be real: their entry calls `createRunnerServer()`. */
  makeBackend(): B | Promise<B>;
  /**
   * The ids of the runners that exist on your platform, booting ones included. The checks use it to find orphans.
   *
   * @param backend the backend of the check
   */
  running(backend: B): ReadonlyArray<string> | Promise<ReadonlyArray<string>>;
  /**
   * Ends a runner without the backend, like an accident: `process.kill(pid, "SIGKILL")`, or deleting its machine.
   *
   * @param runner the runner to end
   * @param backend the backend of the check
   */
  crash(runner: RunnerHandle, backend: B): unknown;
  /**
   * Frees what a backend holds, after each check. Default: no-op.
   *
   * @param backend the backend of the check
   */
  disposeBackend?(backend: B): unknown;
  /** Number of runners to boot at once. Default: 3. */
  readonly concurrency?: number;
  /** Maximum time of a boot, in milliseconds. Default: 30,000. */
  readonly spawnTimeoutMs?: number;
  /** Maximum time until an end, an abort, a timeout or a crash takes effect, in milliseconds. Default: 15,000. */
  readonly settleMs?: number;
  /** HTTP path of calls on the runners. Default: `/invoke`. */
  readonly invokePath?: string;
}

/** One check of a backend. */
export interface ConformanceCheck {
  /** What is checked, such as "a spawned runner is ready at once". */
  readonly name: string;
  /**
   * Resolves if the backend passes. Rejects with an `AssertionError` that says what is wrong, or with the backend's
   * error.
   */
  run(): Promise<void>;
}

type CheckBody = <B extends Backend>(trial: Trial<B>, options: BackendConformanceOptions<B>) => Promise<void>;

const defaultSpawnTimeoutMs = 30_000;
const defaultSettleMs = 15_000;
const defaultConcurrency = 3;

const schema = object<BackendConformanceOptions>({
  makeBackend: required(fn<BackendConformanceOptions["makeBackend"]>()),
  running: required(fn<BackendConformanceOptions["running"]>()),
  crash: required(fn<BackendConformanceOptions["crash"]>()),
  disposeBackend: fn<NonNullable<BackendConformanceOptions["disposeBackend"]>>(),
  concurrency: integer("runners", { min: 1 }),
  spawnTimeoutMs: milliseconds({ min: 1 }),
  settleMs: milliseconds({ min: 1, max: maxTimerMs }),
  invokePath,
});

/** A boot that finishes this fast may ignore its timeout. */
const instantMs = 500;

const assertUsable = (runner: RunnerHandle): void => {
  const idFault = runnerIdFault(runner.id, 255);
  assert.equal(idFault, undefined, `The id of the runner ${idFault}`);
  const urlFault = addressFault(runner.url);
  assert.equal(urlFault, undefined, `The url of the runner ${urlFault}`);
  for (const [phase, ms] of Object.entries(runner.bootPhases ?? {})) {
    assert.ok(Number.isFinite(ms) && ms >= 0, `bootPhases.${phase} is ${ms}; use milliseconds, 0 or more.`);
  }
};

const assertReady = async (runner: RunnerHandle): Promise<void> =>
  assert.equal(
    await readyStatus(runner),
    200,
    `${runner.url}/ready does not respond 200, although spawn returned the runner.`,
  );

const assertGone = async <B extends Backend>(trial: Trial<B>, runner: RunnerHandle): Promise<void> => {
  await trial.becomes(
    async () => (await trial.running([runner])).length === 0 && (await readyStatus(runner)) === undefined,
    () => `The runner ${runner.id} at ${runner.url} is still running.`,
  );
  if (runner.exited !== undefined) await trial.inTime(runner.exited, "exited of a runner that is gone");
};

const assertSilent = (said: string, secret: string, what: string): void =>
  assert.ok(!said.includes(secret), `${what} contains the secret from the runner's environment.`);

/** A boot that was stopped, or that had finished and can be undone. */
const assertStopped = async <B extends Backend>(trial: Trial<B>, outcome: SpawnOutcome): Promise<void> => {
  if ("runner" in outcome) await trial.terminate(outcome.runner);
  await trial.assertNothingRuns();
};

const checks: Readonly<Record<string, CheckBody>> = {
  "a spawned runner is ready": async (trial) => {
    const runner = await trial.spawn();
    assertUsable(runner);
    await assertReady(runner);
    assert.deepEqual(await trial.running([runner]), [runner.id], "A ready runner is not among the running ones.");
  },

  "a runner has the id and the secret of its request": async (trial, { invokePath = defaults.invokePath }) => {
    await assertIdentity(await trial.spawn(), trial.key, invokePath);
  },

  "concurrent boots return separate runners": async (
    trial,
    { concurrency = defaultConcurrency, invokePath = defaults.invokePath },
  ) => {
    const runners = await Promise.all(Array.from({ length: concurrency }, () => trial.spawn()));
    for (const field of ["id", "url"] as const) {
      const values = runners.map((runner) => runner[field]);
      assert.equal(new Set(values).size, concurrency, `Several runners have the same ${field}: ${values.join(", ")}.`);
    }
    await Promise.all(runners.map((runner) => assertIdentity(runner, trial.key, invokePath)));
    await Promise.all(runners.map((runner) => trial.terminate(runner)));
    await trial.assertNothingRuns();
  },

  "terminate stops its runner and no other": async (trial) => {
    const [runner, other] = await Promise.all([trial.spawn(), trial.spawn()]);
    await trial.terminate(runner);
    await assertGone(trial, runner);
    assert.deepEqual(await trial.running([other]), [other.id], "Terminating a runner stopped another one.");
    await assertReady(other);
    const lives = Promise.resolve("lives");
    const told = await Promise.race([other.exited ?? lives, lives]);
    assert.equal(told, "lives", "exited settled although the runner is running.");
  },

  "terminate is idempotent, concurrently and later": async (trial) => {
    const runner = await trial.spawn();
    await Promise.all([trial.terminate(runner), trial.terminate(runner)]);
    await trial.terminate(runner);
    await assertGone(trial, runner);
  },

  "a crash is reported, and a crashed runner can be terminated": async (trial, { crash }) => {
    const runner = await trial.spawn();
    await crash(runner, trial.backend);
    await assertGone(trial, runner);
    await trial.terminate(runner);
    await trial.assertNothingRuns();
  },

  "healthCheck distinguishes a running runner from a crashed one": async (trial, { crash }) => {
    const { backend } = trial;
    if (backend.healthCheck === undefined) return;
    const runner = await trial.spawn();
    const healthy = (): Promise<boolean> =>
      trial.inTime(
        toPromise(() => backend.healthCheck!(runner)),
        "healthCheck",
      );
    assert.equal(await healthy(), true, "healthCheck returns false for a running runner.");
    await crash(runner, backend);
    await trial.becomes(
      () =>
        healthy().then(
          (answer) => !answer,
          () => true,
        ),
      () => "healthCheck returns true for a crashed runner.",
    );
  },

  "a boot without time fails and leaves nothing behind": async (trial) => {
    const startedAt = performance.now();
    const outcome = await trial.trySpawn(trial.request({ timeoutMs: 1 }));
    const elapsedMs = performance.now() - startedAt;
    if ("runner" in outcome)
      assert.ok(elapsedMs < instantMs, `spawn took ${Math.round(elapsedMs)} ms, although its timeoutMs was 1.`);
    await assertStopped(trial, outcome);
  },

  "an abort during a boot stops it and leaves nothing behind": async (trial) => {
    const abort = new AbortController();
    const spawning = trial.trySpawn(trial.request({ signal: abort.signal }));
    abort.abort(new Error("no longer needed"));
    await assertStopped(trial, await trial.inTime(spawning, "spawn, after its signal was aborted,"));
  },

  "an abort before a boot starts nothing": async (trial) => {
    const outcome = await trial.trySpawn(trial.request({ signal: AbortSignal.abort(new Error("no longer needed")) }));
    assert.ok("error" in outcome, "spawn returned a runner, although its signal was aborted from the start.");
    await trial.assertNothingRuns();
  },

  "neither a handle nor an error contains the secret": async (trial) => {
    const failed = await trial.trySpawn(trial.request({ signal: AbortSignal.abort() }));
    if ("error" in failed)
      assertSilent(inspect(failed.error, { depth: 8 }), trial.key.secret, "The error of a failed boot");
    assertSilent(inspect(await trial.spawn(), { depth: 8 }), trial.key.secret, "The handle of a runner");
  },
};

/**
 * The checks for a backend. Run each one as a test, one after the other.
 *
 * @param options the backend, and how to observe and crash its runners
 * @throws {ConfigError} for an option that cannot work.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { backendConformance } from "firelight/testing";
 *
 * for (const check of backendConformance({
 *   makeBackend: () => myBackend({ image: "app" }),
 *   running: async () => (await cloud.list()).map((machine) => machine.name),
 *   crash: (runner) => cloud.destroy(runner.id),
 * })) {
 *   test(check.name, check.run);
 * }
 * ```
 */
export const backendConformance = <B extends Backend>(
  options: BackendConformanceOptions<B>,
): ReadonlyArray<ConformanceCheck> => {
  readOption(schema, options, "backendConformance");
  return Object.entries(checks).map(([name, check]) => ({
    name,
    run: async () => {
      const backend = await options.makeBackend();
      const trial = new Trial({
        backend,
        running: () => options.running(backend),
        spawnTimeoutMs: options.spawnTimeoutMs ?? defaultSpawnTimeoutMs,
        settleMs: options.settleMs ?? defaultSettleMs,
      });
      try {
        await check(trial, options);
      } finally {
        await trial.end();
        await options.disposeBackend?.(backend);
      }
    },
  }));
};
