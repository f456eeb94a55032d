/** The data of a pool: its bounds, its runners, held leases, waiting calls, and counts of them. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import type { LeaseKey, RunnerPreference } from "./events.ts";
import type { RunnerRecord, RunnerPhase } from "./routing.ts";
import type { ScalingSnapshot } from "../../../contract/config/scaling.ts";
import type { PoolSnapshot } from "../../../telemetry/telemetry.ts";

/** Runners that accept calls, or will soon: those that are booting or suspect. */
export interface Tally {
  readonly alive: number;
  /** Those of them that accept calls now. */
  readonly ready: number;
  /** Those of them that are booting. */
  readonly booting: number;
  /** Slots in use on them. */
  readonly used: number;
}

export class RunnerTable extends Map<string, RunnerRecord> {
  readonly #tally = { alive: 0, ready: 0, booting: 0, used: 0 };

  /** Adds a new runner at `now`. */
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

  /** Runners that accept calls, or will soon: those that are booting or suspect. */
  get alive(): number {
    return this.tally().alive;
  }

  /**
   * Counts in one pass and without allocation, because every call does it. The result is valid until the next count.
   */
  tally(): Tally {
    const tally = this.#tally;
    tally.alive = tally.ready = tally.booting = tally.used = 0;
    for (const { phase, used } of this.values()) {
      if (phase === "draining" || phase === "ejected") continue;
      tally.alive++;
      tally.used += used;
      if (phase === "ready") tally.ready++;
      else if (phase === "booting") tally.booting++;
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

  /** The input of a scaling policy. */
  scalingSnapshot({ min, max, maxConcurrency }: PoolBounds, waiting: number): ScalingSnapshot {
    const { ready, booting, used } = this.tally();
    return {
      min,
      max,
      slotsPerRunner: maxConcurrency,
      ready,
      booting,
      used,
      waiting,
    };
  }
}

/** A waiting call. */
export interface WaitingCall {
  readonly waiterId: number;
  readonly preference: RunnerPreference;
}

/** Calls that wait for a slot by their id, first in, first out. Joining and leaving take constant time. */
export class WaitQueue extends Map<number, WaitingCall> {
  /** The call that has waited longest. */
  first(): WaitingCall | undefined {
    for (const waitingCall of this.values()) return waitingCall;
    return undefined;
  }

  /** Removes all calls, and returns them in order. */
  drain(): ReadonlyArray<WaitingCall> {
    const all = [...this.values()];
    this.clear();
    return all;
  }
}

/** The held leases, and the ids of their runners. */
export class Leases extends Map<number, string> {
  #next = 1;

  /** Takes a slot of a runner. */
  take(runner: RunnerRecord): LeaseKey {
    const lease = this.#next++;
    this.set(lease, runner.id);
    runner.used++;
    runner.served++;
    runner.lastGrant = lease;
    return { lease, runnerId: runner.id };
  }

  /** Returns a slot. `false` for a lease that is no longer held. */
  giveBack(key: LeaseKey, runner: RunnerRecord | undefined): boolean {
    if (!this.delete(key.lease)) return false;
    if (runner !== undefined) runner.used--;
    return true;
  }

  /** Drops the leases on a runner. */
  drop(runnerId: string): void {
    for (const [lease, owner] of this) if (owner === runnerId) this.delete(lease);
  }
}

export class PoolStateBase {
  /** Whether the pool boots and terminates its runners, or has a fixed list of them. */
  readonly supply: "elastic" | "fixed";
  readonly runners: RunnerTable = new RunnerTable();
  readonly waiters: WaitQueue = new WaitQueue();
  readonly leases: Leases = new Leases();
  bounds: PoolBounds;

  /** @param fixedRunnerIds The runners of a pool that neither boots nor terminates any. */
  constructor(bounds: PoolBounds, fixedRunnerIds: ReadonlyArray<string> | undefined) {
    this.bounds = bounds;
    this.supply = fixedRunnerIds === undefined ? "elastic" : "fixed";
    for (const id of fixedRunnerIds ?? []) this.runners.add(id, "ready", 0);
  }

  /** Number of held leases. */
  get used(): number {
    return this.leases.size;
  }

  /** Maximum number of leases. */
  get limit(): number {
    return this.bounds.max * this.bounds.maxConcurrency;
  }

  /**
   * Whether so few fixed runners respond that probes are ignored: calls without a free slot elsewhere go to runners
   * that do not respond. A pool that boots its runners replaces them instead.
   */
  get panics(): boolean {
    if (this.supply === "elastic") return false;
    const ready = this.runners.count("ready");
    return ready === 0 || ready < this.runners.size * this.bounds.panicThreshold;
  }

  /** Number of slots on runners that accept calls. */
  get provisioned(): number {
    return this.runners.tally().ready * this.bounds.maxConcurrency;
  }
}
