/** A backend on trial: what a check starts with it, and that all of it ends with the check. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Backend, RunnerHandle, SpawnRequest } from "../contract/config/backend.ts";
import { defaults } from "../contract/config/options.ts";
import type { SigningKey } from "../contract/wire/signature.ts";
import { toPromise } from "../parent/pool/to-promise.ts";

const poolName = "conformance";
const lookEveryMs = 20;

/** What a trial is made of. */
export interface TrialOptions<B extends Backend> {
  readonly backend: B;
  /** The ids of the runners that the infrastructure has now. */
  readonly running: () => ReadonlyArray<string> | Promise<ReadonlyArray<string>>;
  readonly spawnTimeoutMs: number;
  readonly settleMs: number;
}

/** How a spawn came out. */
export type SpawnOutcome = { readonly runner: RunnerHandle } | { readonly error: unknown };

export class Trial<B extends Backend> {
  readonly backend: B;
  /** A secret of this trial only, which runners get in their environment. */
  readonly key: SigningKey = { id: defaults.keyId, secret: `canary-${randomBytes(16).toString("hex")}` };
  readonly #options: TrialOptions<B>;
  readonly #spawned: Array<RunnerHandle> = [];

  constructor(options: TrialOptions<B>) {
    this.backend = options.backend;
    this.#options = options;
  }

  /** A request like a pool's. */
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

  /** Spawns a runner that must come up in time. */
  async spawn(request: SpawnRequest = this.request()): Promise<RunnerHandle> {
    const outcome = await this.trySpawn(request);
    if ("error" in outcome) throw outcome.error;
    return outcome.runner;
  }

  /** Spawns a runner that may fail to come up, but not later than `settleMs` after its time is over. */
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

  /** The result of something that the backend must be done with soon. */
  async inTime<A>(work: Promise<A>, what: string, ms: number = this.#options.settleMs): Promise<A> {
    const clock = new AbortController();
    const late = sleep(ms, undefined, { signal: clock.signal }).then(() =>
      assert.fail(`${what} was not done after ${ms} ms.`),
    );
    try {
      return await Promise.race([work, late]);
    } finally {
      clock.abort();
      late.catch(() => {});
    }
  }

  /** Waits for something to become true soon. */
  async becomes(condition: () => Promise<boolean>, otherwise: () => string): Promise<void> {
    const giveUpAt = performance.now() + this.#options.settleMs;
    while (!(await condition())) {
      if (performance.now() > giveUpAt) assert.fail(`${otherwise()} (looked for ${this.#options.settleMs} ms)`);
      await sleep(lookEveryMs);
    }
  }

  /** The runners among `runners` that the infrastructure has now. */
  async running(runners: ReadonlyArray<RunnerHandle>): Promise<ReadonlyArray<string>> {
    const ids = new Set(await this.#options.running());
    return runners.map(({ id }) => id).filter((id) => ids.has(id));
  }

  /** Nothing runs any more. */
  async assertNothingRuns(): Promise<void> {
    let left: ReadonlyArray<string> = [];
    await this.becomes(
      async () => (left = await this.#options.running()).length === 0,
      () => `Still there, and nobody will ever end them: ${left.join(", ")}.`,
    );
  }

  /** Ends what the check has left; what goes wrong here is told by the checks of termination. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#spawned.map((runner) => this.terminate(runner)));
  }
}
