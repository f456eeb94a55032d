/** Runs a backend for a check and stops everything that the check started. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Backend, RunnerHandle, SpawnRequest } from "../contract/config/backend.ts";
import { defaults } from "../contract/config/options.ts";
import type { SigningKey } from "../contract/wire/signature.ts";
import { toPromise } from "../parent/pool/to-promise.ts";

const poolName = "conformance";
const lookEveryMs = 20;

/** The options of a trial. */
export interface TrialOptions<B extends Backend> {
  readonly backend: B;
  /** The ids of the runners that the infrastructure is running. */
  readonly running: () => ReadonlyArray<string> | Promise<ReadonlyArray<string>>;
  readonly spawnTimeoutMs: number;
  readonly settleMs: number;
}

/** The outcome of a spawn. */
export type SpawnOutcome = { readonly runner: RunnerHandle } | { readonly error: unknown };

export class Trial<B extends Backend> {
  readonly backend: B;
  /** A secret for this trial, which runners get in their environment. */
  readonly key: SigningKey = { id: defaults.keyId, secret: `canary-${randomBytes(16).toString("hex")}` };
  readonly #options: TrialOptions<B>;
  readonly #spawned: Array<RunnerHandle> = [];

  constructor(options: TrialOptions<B>) {
    this.backend = options.backend;
    this.#options = options;
  }

  /** Creates a request like a pool's. */
  request(overrides: Partial<SpawnRequest> = {}): SpawnRequest {
    const runnerId = `${poolName}-${randomBytes(4).toString("hex")}`;
    return {
      poolName,
      runnerId,
      env: {
        FLAME_MODE: "runner",
        FLAME_RUNNER_ID: runnerId,
        FLAME_POOL: poolName,
        FLAME_SECRET: this.key.secret,
        FLAME_KEY_ID: this.key.id,
      },
      timeoutMs: this.#options.spawnTimeoutMs,
      signal: new AbortController().signal,
      ...overrides,
    };
  }

  /** Spawns a runner that must become ready in time. */
  async spawn(request: SpawnRequest = this.request()): Promise<RunnerHandle> {
    const outcome = await this.trySpawn(request);
    if ("error" in outcome) throw outcome.error;
    return outcome.runner;
  }

  /** Spawns a runner that may fail to boot, at most `settleMs` after its timeout. */
  async trySpawn(request: SpawnRequest): Promise<SpawnOutcome> {
    const spawned = toPromise(() => this.backend.spawn(request)).then(
      (runner): SpawnOutcome => {
        this.#spawned.push(runner);
        return { runner };
      },
      (error: unknown): SpawnOutcome => ({ error }),
    );
    return this.inTime(spawned, "spawn", request.timeoutMs + this.#options.settleMs);
  }

  /** Terminates a runner as a pool does. */
  async terminate(runner: RunnerHandle): Promise<void> {
    await this.inTime(
      toPromise(() => this.backend.terminate(runner)),
      "terminate",
    );
  }

  /** Waits for an operation that the backend must finish soon. */
  async inTime<A>(work: Promise<A>, what: string, ms: number = this.#options.settleMs): Promise<A> {
    const clock = new AbortController();
    const late = sleep(ms, undefined, { signal: clock.signal }).then(() =>
      assert.fail(`${what} did not finish within ${ms} ms.`),
    );
    try {
      return await Promise.race([work, late]);
    } finally {
      clock.abort();
      late.catch(() => {});
    }
  }

  /** Waits for a condition to become true. */
  async becomes(condition: () => Promise<boolean>, otherwise: () => string): Promise<void> {
    const giveUpAt = performance.now() + this.#options.settleMs;
    while (!(await condition())) {
      if (performance.now() > giveUpAt) assert.fail(`${otherwise()} (after ${this.#options.settleMs} ms)`);
      await sleep(lookEveryMs);
    }
  }

  /** Returns those of `runners` that the infrastructure is running. */
  async running(runners: ReadonlyArray<RunnerHandle>): Promise<ReadonlyArray<string>> {
    const ids = new Set(await this.#options.running());
    return runners.map(({ id }) => id).filter((id) => ids.has(id));
  }

  /** Asserts that nothing is running. */
  async assertNothingRuns(): Promise<void> {
    let left: ReadonlyArray<string> = [];
    await this.becomes(
      async () => (left = await this.#options.running()).length === 0,
      () => `Runners are still running and nothing will stop them: ${left.join(", ")}.`,
    );
  }

  /** Stops what the check left running. Errors are ignored here: the checks of termination report them. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#spawned.map((runner) => this.terminate(runner)));
  }
}
