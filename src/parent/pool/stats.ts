/** The user's view of a pool. */
import type { PoolUpdate } from "../../contract/config/options.ts";
import type { PoolBounds } from "../../contract/config/pool-bounds.ts";
import type { ScalingDecision } from "../../contract/config/scaling.ts";
import type { PoolSnapshot } from "../../telemetry/telemetry.ts";

/** A snapshot of a pool, and the reason for its size. */
export interface PoolStats extends PoolSnapshot {
  /** Number of runners that the scaling policy requests, within `min` and `max`. */
  readonly target: number;
  readonly reason: string;
  readonly bounds: PoolBounds;
}

/** A running pool, to inspect and to reconfigure. */
export interface PoolHandle {
  /** The current state of the pool, and the reason for its size. */
  stats(): PoolStats;
  /**
   * Changes limits of the pool. Fields that are left out keep their values.
   *
   * @throws {ConfigError} for an invalid limit. The pool does not change then.
   */
  update(changes: PoolUpdate): void;
}

/** The stats of a pool. */
export const statsOf = (snapshot: PoolSnapshot, bounds: PoolBounds, { target, reason }: ScalingDecision): PoolStats => {
  const { min, max } = bounds;
  const explanation = target > max ? `${reason}; max is ${max}` : target < min ? `${reason}; min is ${min}` : reason;
  return { ...snapshot, target: Math.min(Math.max(target, min), max), reason: explanation, bounds };
};
