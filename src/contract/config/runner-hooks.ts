/** What happens once in the life of a runner, around its invocations: what its author wants done first and last. */
import type { Isolation } from "./isolation.ts";
import type { Logger } from "./logger.ts";

/** What `onRunnerStart` and `onRunnerStop` get. */
export interface RunnerHookContext {
  /** The runner's id; `local` in local mode. */
  readonly runnerId: string;
  readonly poolName: string;
  /** `none` on the runner itself and in local mode, else the kind of the isolate that starts or stops. */
  readonly isolation: Isolation;
  readonly logger: Logger;
  /** Aborted when the time is over: at the start, when the runner is stopped meanwhile; at the stop, when the drain is over. */
  readonly signal: AbortSignal;
}

/** A promise or an Effect is waited for. */
export type RunnerHook = (context: RunnerHookContext) => unknown;

/** The hooks of a runner, each called once. */
export interface RunnerHooks {
  /**
   * Prepares the runner, such as by loading a model or opening a connection. It is ready when this is done: `/ready` says 503 until
   * then, calls are refused as not executed, and the boot goes on, for the pool's `spawnTimeoutMs` at most. When it throws or
   * rejects, the boot has failed: calls that wait for it get the cause, and `ready` rejects. Default: none.
   */
  readonly onRunnerStart?: RunnerHook | undefined;
  /**
   * Cleans up after the last invocation, before telemetry is flushed and the process ends; only where `onRunnerStart` has succeeded. It has
   * what is left of `drainTimeoutMs`; what it throws is logged. Not called when the process is killed or crashes. Default: none.
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
