/** What bounds a pool; all of it may change while the pool is in use. */
import type { ScalingPolicy } from "./scaling.ts";

/** A runner that the pool does not need. */
export interface IdleRunner {
  /** The runner id. */
  readonly id: string;
  /**
   * Time for which the pool has not needed the runner, in milliseconds: it had no calls, or the other runners had
   * room for them.
   */
  readonly idleMs: number;
  /** Time since the runner became ready, in milliseconds. */
  readonly ageMs: number;
  /** Calls that the runner has served. */
  readonly served: number;
}

/**
 * Decides whether a runner above `min` that the pool does not need should end. A runner with calls ends after them.
 * The pool asks four times a second for each runner, so it must be fast. If it throws or returns anything but a
 * boolean, the runner stays, and the pool logs that once.
 *
 * @param runner the runner
 */
export type IdlePredicate = (runner: IdleRunner) => boolean;

/** The limits of a pool, after defaults; all can change while the pool is in use. See {@link PoolConfig}. */
export interface PoolBounds {
  /** Minimum number of runners. */
  readonly min: number;
  /** Maximum number of runners, booting and draining ones included. */
  readonly max: number;
  /** Maximum number of concurrent calls per runner. */
  readonly maxConcurrency: number;
  /** Maximum number of waiting calls. */
  readonly maxQueue: number;
  /** `spread` picks the least loaded runner, `pack` the most loaded one with a free slot. */
  readonly routing: "spread" | "pack";
  /** Decides how many runners there should be. */
  readonly scaling: ScalingPolicy;
  /** Time until an unneeded runner above `min` ends, in milliseconds, or a function that decides it. */
  readonly idleShutdownMs: number | IdlePredicate;
  /** Time without calls until the runners of `min` end too, in milliseconds. */
  readonly minIdleShutdownMs: number;
  /** Number of calls after which a runner is replaced. */
  readonly maxCalls: number;
  /** Age at which a runner is replaced, in milliseconds. */
  readonly maxAgeMs: number;
  /** Resident memory above which a runner is replaced, in bytes. */
  readonly maxRssBytes: number;
  /** Maximum time that a draining runner has for its calls, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Share of static runners, from 0 to 1, that must be healthy; below it, calls also go to unhealthy ones. */
  readonly panicThreshold: number;
}
