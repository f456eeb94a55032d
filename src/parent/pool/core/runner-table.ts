/** The runners of a pool, and what can be counted about them. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import type { ScalingSnapshot } from "../../../contract/config/scaling.ts";
import type { PoolSnapshot } from "../../../telemetry/telemetry.ts";
import type { RunnerPhase, RunnerRecord } from "./routing.ts";

/** Runners that take work, may take it again soon, or will when they have booted. */
export interface Tally {
  readonly alive: number;
  /** Those of them that are being started. */
  readonly booting: number;
  /** Slots in use on them. */
  readonly used: number;
}

export class RunnerTable extends Map<string, RunnerRecord> {
  readonly #tally = { alive: 0, booting: 0, used: 0 };

  /** Takes in a runner, new at `now`. */
  add(id: string, phase: RunnerPhase, now: number): void {
    this.set(id, {
      id,
      phase,
      used: 0,
      served: 0,
      lastGrant: 0,
      readySince: now,
      idleSince: now,
      drainSince: now,
      drainReason: undefined,
      leaving: false,
      probeFailures: 0,
      spared: false,
    });
  }

  count(phase: RunnerPhase): number {
    let count = 0;
    for (const runner of this.values()) if (runner.phase === phase) count++;
    return count;
  }

  /** Runners that take work, may take it again soon, or will when they have booted. */
  get alive(): number {
    return this.tally().alive;
  }

  /** Counts in one pass and without an allocation, since it is done with every call; holds until the next count. */
  tally(): Tally {
    const tally = this.#tally;
    tally.alive = tally.booting = tally.used = 0;
    for (const { phase, used } of this.values()) {
      if (phase === "draining" || phase === "ejected") continue;
      tally.alive++;
      tally.used += used;
      if (phase === "booting") tally.booting++;
    }
    return tally;
  }

  /** Runners by the state that gauges show. */
  get states(): PoolSnapshot["runners"] {
    const states = { booting: 0, idle: 0, busy: 0, draining: 0, ejected: 0 };
    for (const { phase, used } of this.values()) {
      if (phase === "ready") states[used > 0 ? "busy" : "idle"]++;
      else states[phase === "suspect" ? "ejected" : phase]++;
    }
    return states;
  }

  /** What a scaling policy decides from. */
  scalingSnapshot({ min, max, maxConcurrency }: PoolBounds, waiting: number): ScalingSnapshot {
    const { booting, used } = this.tally();
    return {
      min,
      max,
      slotsPerRunner: maxConcurrency,
      ready: this.count("ready"),
      booting,
      used,
      waiting,
    };
  }
}
