/** What bounds a pool; all of it may change while the pool is in use. */
import type { ScalingPolicy } from "./scaling.ts";

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
  /** Milliseconds that a runner above `min` may be idle. */
  readonly idleShutdownMs: number;
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
}
