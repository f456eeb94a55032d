/**
 * What a backend is: the thing that starts and stops runners. A pool asks it for
 * runners and learns from it when one dies. Write one to run runners on your own
 * infrastructure; the process backend (`firelight/backends/process`) is the
 * reference.
 */
import type * as Effect from "effect/Effect";

/** How a runner ended, if the backend knows. */
export interface RunnerExit {
  /** The exit code; `null` if a signal ended the process. */
  readonly code?: number | null;
  /** The signal that ended the process, such as `SIGKILL`. */
  readonly signal?: string | null;
  /** The end of a sentence about the runner, such as `was ended by SIGKILL`. */
  readonly reason?: string;
  /** Whether the runner ran out of memory. */
  readonly outOfMemory?: boolean;
}

/** A runner that is ready. */
export interface RunnerHandle {
  /** The runner id, unique within the pool. Every request for the runner is signed for this id. */
  readonly id: string;
  /** Base URL, such as `http://127.0.0.1:4123`. */
  readonly url: string;
  /** Resolves when the runner has ended, for any reason. Without it, the pool notices only through failed calls. */
  readonly exited?: Promise<RunnerExit>;
  /** Duration of each step of the boot, in milliseconds, by name. */
  readonly bootPhases?: Readonly<Record<string, number>>;
}

/** A pool's request for a runner. */
export interface SpawnRequest {
  /** The pool that needs the runner. */
  readonly poolName: string;
  /** The id that the pool suggests. Use it unless your platform assigns names. */
  readonly runnerId: string;
  /**
   * Environment of the runner: mode, id, pool, secret, trace context and orphan timeout. Pass all of it. It contains
   * a secret: never log it.
   */
  readonly env: Readonly<Record<string, string>>;
  /** Maximum time until the runner is ready, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * Aborted when the pool no longer needs the runner. Stop and free whatever was started, and reject within a second,
   * so that callers get the cause. The reason is an error with the code `canceled` if the pool needs no runner or
   * shuts down, and `no_runner` after `timeoutMs`.
   */
  readonly signal: AbortSignal;
}

/** An Effect or a Promise. Write a backend in either style. */
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
  /** The backend's name in telemetry, as `flame.runner.backend`. Default: `custom`. */
  readonly name?: string;
  /**
   * Starts a runner. Completes when the runner is ready.
   *
   * @param request the runner to start
   */
  spawn(request: SpawnRequest): EffectOrPromise<RunnerHandle>;
  /**
   * Stops a runner and frees its resources. A pool calls it at most once per runner. It must succeed if the runner is
   * gone. If it fails, or takes longer than twice the greater of `spawnTimeoutMs` and `drainTimeoutMs`, the pool logs
   * `flame.runner.not_ended`.
   *
   * @param runner the runner to stop
   */
  terminate(runner: RunnerHandle): EffectOrPromise<unknown>;
  /**
   * Whether the runner can take work; `false` removes it from the pool. If it fails, returns anything but a boolean,
   * or takes longer than 5,000 ms, the pool logs that and checks the runner itself.
   *
   * @param runner the runner to check
   */
  healthCheck?(runner: RunnerHandle): EffectOrPromise<boolean>;
}
