/** What a user sees of a pool. */
import type { PoolUpdate } from "../../contract/config/options.ts";
import type { PoolBounds } from "../../contract/config/pool-bounds.ts";
import type { ScalingDecision } from "../../contract/config/scaling.ts";
import type { PoolSnapshot } from "../../telemetry/telemetry.ts";

/** A pool at one moment, and why it is as large as it is. */
export interface PoolStats extends PoolSnapshot {
  /** Runners that the scaling policy wants, within `min` and `max`. */
  readonly target: number;
  readonly reason: string;
  readonly bounds: PoolBounds;
}

/** A pool, as its user may look at it and change it while it is in use. */
export interface PoolHandle {
  /** The pool now, and why it is as large as it is. */
  stats(): PoolStats;
  /**
   * Changes what bounds the pool; what is not named stays.
   *
   * @throws {ConfigError} for a bound that cannot work; the pool stays as it was.
   */
  update(changes: PoolUpdate): void;
}

/** What a pool is and wants to be. */
export const statsOf = (snapshot: PoolSnapshot, bounds: PoolBounds, { target, reason }: ScalingDecision): PoolStats => {
  const { min, max } = bounds;
  const explanation = target > max ? `${reason}; max is ${max}` : target < min ? `${reason}; min is ${min}` : reason;
  return { ...snapshot, target: Math.min(Math.max(target, min), max), reason: explanation, bounds };
};
