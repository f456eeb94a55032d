/** The user's view of a pool. */
import type { PoolUpdate } from "../../contract/config/options.ts";
import type { PoolBounds } from "../../contract/config/pool-bounds.ts";
import type { ScalingDecision } from "../../contract/config/scaling.ts";
import type { PoolSnapshot } from "../../telemetry/telemetry.ts";

/** The state of a pool at one moment, and why it has its size. */
export interface PoolStats extends PoolSnapshot {
  /** Number of runners that the scaling policy wants, within `min` and `max`. */
  readonly target: number;
  /** Why, as the scaling policy says. */
  readonly reason: string;
  /** The limits of the pool. */
  readonly bounds: PoolBounds;
}

/** A pool, to observe and to change it while it is in use. */
export interface PoolHandle {
  /** The current state, and why the pool has its size. */
  stats(): PoolStats;
  /**
   * Changes limits of the pool; others stay.
   *
   * @param changes the limits to change
   * @throws {ConfigError} for an invalid limit; the pool does not change.
   */
  update(changes: PoolUpdate): void;
}

/** The stats of a pool. */
export const statsOf = (snapshot: PoolSnapshot, bounds: PoolBounds, { target, reason }: ScalingDecision): PoolStats => {
  const { min, max } = bounds;
  const explanation = target > max ? `${reason}; max is ${max}` : target < min ? `${reason}; min is ${min}` : reason;
  return { ...snapshot, target: Math.min(Math.max(target, min), max), reason: explanation, bounds };
};
