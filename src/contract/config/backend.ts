/**
 * What a backend is: the thing that starts and stops runners. A pool asks it for
 * runners and learns from it when one dies. Write one to run runners on your own
 * infrastructure; the process backend (`firelight/backends/process`) is the
 * reference.
 */
import type * as Effect from "effect/Effect";

/** How a runner ended, as far as the backend can tell. */
export interface RunnerExit {
  readonly code?: number | null;
  readonly signal?: string | null;
  /** The rest of a sentence that begins with the runner, such as `was ended by SIGKILL`. */
  readonly reason?: string;
  /** Whether it ran out of memory, where the backend knows. */
  readonly outOfMemory?: boolean;
}

/** A runner that is up. */
export interface RunnerHandle {
  /** Unique within the pool. It is the audience of every request signed for this runner. */
  readonly id: string;
  /** Base URL, such as `http://127.0.0.1:4123`. */
  readonly url: string;
  /** Settles when the runner has ended, for whatever reason. Without it, death is seen by failed calls only. */
  readonly exited?: Promise<RunnerExit>;
  /** How long each step of the boot took, in milliseconds, by name. */
  readonly bootPhases?: Readonly<Record<string, number>>;
}

/** What a pool asks of a backend. */
export interface SpawnRequest {
  readonly poolName: string;
  /** The id that the pool suggests; use it unless your infrastructure names things itself. */
  readonly runnerId: string;
  /**
   * Environment for the runner: mode, id, pool, secret, trace context, and how long it outlives a silent parent. Hand on all of it.
   * Contains a secret: never log it.
   */
  readonly env: Readonly<Record<string, string>>;
  /** The boot must be done within this many milliseconds. */
  readonly timeoutMs: number;
  /**
   * Aborted when the pool no longer wants the runner; stop and free what was started. Its reason is an error with the code `canceled`
   * when nobody needs the runner any more or the pool is shut down, and `no_runner` when `timeoutMs` is over: reject within a second
   * then, and callers are told why.
   */
  readonly signal: AbortSignal;
}

/** Either an Effect or a Promise: a backend may be written in whichever style you like. */
export type EffectOrPromise<A> = Effect.Effect<A, unknown> | Promise<A>;

/**
 * Starts and stops runners.
 *
 * @example
 * ```ts
 * const backend: Backend = {
 *   name: "my-cloud",
 *   spawn: ({ poolName, env }) => Effect.tryPromise(() => cloud.start({ image: "app", env, labels: { poolName } })),
 *   terminate: (runner) => Effect.promise(() => cloud.stop(runner.id)),
 * };
 * ```
 */
export interface Backend {
  /** Shown in telemetry as `flame.runner.backend`. Default `custom`. */
  readonly name?: string;
  spawn(request: SpawnRequest): EffectOrPromise<RunnerHandle>;
  /**
   * Stops a runner and frees what it held. Called at most once per runner by a pool; must not fail when it is gone already. One that
   * fails, or takes longer than twice the greater of `spawnTimeoutMs` and `drainTimeoutMs`, is logged as `flame.runner.not_ended`.
   */
  terminate(runner: RunnerHandle): EffectOrPromise<unknown>;
  /**
   * Whether the runner can take work. `false` takes it out of the pool. Where it fails, gives anything but a boolean, or nothing
   * within 5,000 ms, the runner itself is asked in its place, and the failure is logged.
   */
  healthCheck?(runner: RunnerHandle): EffectOrPromise<boolean>;
}
