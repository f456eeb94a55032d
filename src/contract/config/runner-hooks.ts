/** What happens once in the life of a runner, around its invocations: what its author wants done first and last. */
import type { Isolation } from "./isolation.ts";
import type { Logger } from "./logger.ts";

/** The argument of `onRunnerStart` and `onRunnerStop`. */
export interface RunnerHookContext {
  /** The runner id; `local` in local mode. */
  readonly runnerId: string;
  /** The runner's pool. */
  readonly poolName: string;
  /** `none` on the runner itself and in local mode, otherwise the kind of the isolate that starts or stops. */
  readonly isolation: Isolation;
  /** Logs with the runner's fields on each record. */
  readonly logger: Logger;
  /** Aborted when time is up: during the start, when the runner is stopped; during the stop, when the drain ends. */
  readonly signal: AbortSignal;
}

/**
 * A hook. The runner waits for a returned promise or Effect.
 *
 * @param context the runner, and when to give up
 */
export type RunnerHook = (context: RunnerHookContext) => unknown;

/** The hooks of a runner, each called once. */
export interface RunnerHooks {
  /**
   * Prepares the runner, for example by loading a model or opening a connection. Until it completes, `/ready` answers
   * 503 and calls are rejected as not executed; it has the pool's `spawnTimeoutMs`. If it throws or rejects, the boot
   * fails: waiting calls get the cause, and `ready` rejects. Default: none.
   */
  readonly onRunnerStart?: RunnerHook | undefined;
  /**
   * Cleans up after the last call, before telemetry is flushed and the process ends. Runs only if `onRunnerStart`
   * succeeded, within the rest of `drainTimeoutMs`; errors are logged. Not called if the process crashes or is
   * killed. Default: none.
   */
  readonly onRunnerStop?: RunnerHook | undefined;
}

/** The hooks with nothing left open. */
export type ResolvedRunnerHooks = { readonly [Name in keyof Required<RunnerHooks>]: RunnerHook | undefined };

/** The hooks, those of `over` first. */
export const resolveRunnerHooks = (over: RunnerHooks, under: RunnerHooks = {}): ResolvedRunnerHooks => ({
  onRunnerStart: over.onRunnerStart ?? under.onRunnerStart,
  onRunnerStop: over.onRunnerStop ?? under.onRunnerStop,
});
