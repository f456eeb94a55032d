/** Asks the scaling policy how many runners a pool should have, and keeps what it said. */
import type { PoolBounds } from "../../contract/pool-bounds.ts";
import type { ScalingDecision } from "../../contract/scaling.ts";
import { reactive } from "../../contract/scaling.ts";
import type { RunnerTable } from "./runner-table.ts";

/** Runners that are missing, and why they are wanted. */
export interface Missing {
  readonly count: number;
  readonly reason: string;
}

const nothing: Missing = { count: 0, reason: "" };

export class Scaler {
  /** What the policy said last. */
  decision: ScalingDecision = { target: 0, reason: "nothing has happened yet" };

  /** Asks anew. A policy that throws leaves the pool as large as it is. */
  decide(runners: RunnerTable, waiting: number, bounds: PoolBounds): ScalingDecision {
    try {
      this.decision = bounds.scaling(runners.scalingSnapshot(bounds, waiting));
    } catch (error) {
      this.decision = { target: runners.alive, reason: `the scaling policy threw: ${String(error)}` };
    }
    return this.decision;
  }

  /** What `min` and the policy want beyond what is there, within `max`; without `min` while the pool is asleep. */
  missing(runners: RunnerTable, waiting: number, bounds: PoolBounds, asleep: boolean): Missing {
    const { max, scaling } = bounds;
    const min = asleep ? 0 : bounds.min;
    const { alive } = runners;
    if (scaling === reactive && waiting === 0 && alive >= min) return nothing;
    const { target, reason } = this.decide(runners, waiting, bounds);
    const count = Math.min(Math.max(target, min) - alive, max - runners.size);
    return count > 0 ? { count, reason: target >= min ? reason : `min is ${min}` } : nothing;
  }
}
