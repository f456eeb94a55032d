/** What bounds a pool; all of it may change while the pool is in use. */
import type { ScalingPolicy } from "./scaling.ts";

/** A runner that the pool can do without. */
export interface IdleRunner {
  readonly id: string;
  /**
   * Milliseconds for which the pool has not needed it: it had no calls, or those that it had would have found room on the runners
   * that stay.
   */
  readonly idleMs: number;
  /** Milliseconds since it was up. */
  readonly ageMs: number;
  /** Calls that it has served. */
  readonly served: number;
}

/**
 * Decides whether a runner above `min`, which the pool can do without, should end; one that has calls ends when they are done. Asked
 * four times a second for each, so it must be fast. Where it throws or gives anything but a boolean, the runner stays, and that is
 * logged once.
 */
export type IdlePredicate = (runner: IdleRunner) => boolean;

export interface PoolBounds {
  /** Runners kept alive. */
  readonly min: number;
  /** Most runners at a time, booting and draining ones included. */
  readonly max: number;
  /** Invocations that one runner works on at a time. */
  readonly maxConcurrency: number;
  /** Most calls that wait. */
  readonly maxQueue: number;
  /** `spread` chooses the least loaded runner, `pack` the most loaded one that has room. */
  readonly routing: "spread" | "pack";
  readonly scaling: ScalingPolicy;
  /** Milliseconds that a runner above `min` may be unneeded, or what decides that it has been idle long enough. */
  readonly idleShutdownMs: number | IdlePredicate;
  /** Milliseconds that the whole pool may be idle before the runners of `min` end too. */
  readonly minIdleShutdownMs: number;
  /** Calls after which a runner is replaced. */
  readonly maxCalls: number;
  /** Milliseconds after which a runner is replaced. */
  readonly maxAgeMs: number;
  /** Resident memory above which a runner is replaced, in bytes. */
  readonly maxRssBytes: number;
  /** Milliseconds that a draining runner may take to finish its calls. */
  readonly drainTimeoutMs: number;
  /** Share of fixed runners, 0 to 1, that must answer; with fewer, or none, the others get calls too. */
  readonly panicThreshold: number;
}
