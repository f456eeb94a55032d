/** The runners of a pool, and what can be counted about them. */
import type { PoolBounds } from "../../contract/pool-bounds.ts";
import type { ScalingSnapshot } from "../../contract/scaling.ts";
import type { PoolSnapshot } from "../../telemetry/telemetry.ts";
import type { RunnerPhase, RunnerRecord } from "./routing.ts";

export class RunnerTable extends Map<string, RunnerRecord> {
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
    });
  }

  count(phase: RunnerPhase): number {
    let count = 0;
    for (const runner of this.values()) if (runner.phase === phase) count++;
    return count;
  }

  /** Runners that take work, may take it again soon, or will when they have booted. */
  get alive(): number {
    return this.size - this.count("draining") - this.count("ejected");
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
    let used = 0;
    for (const { phase, used: held } of this.values()) if (phase !== "draining" && phase !== "ejected") used += held;
    return {
      min,
      max,
      slotsPerRunner: maxConcurrency,
      ready: this.count("ready"),
      booting: this.count("booting"),
      used,
      waiting,
    };
  }
}
