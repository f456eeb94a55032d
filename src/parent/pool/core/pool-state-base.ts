/** What a pool consists of: its bounds, its runners, the leases that are held, the calls that wait, and counts over them. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import type { LeaseKey, RunnerPreference } from "./events.ts";
import type { RunnerRecord, RunnerPhase } from "./routing.ts";
import type { ScalingSnapshot } from "../../../contract/config/scaling.ts";
import type { PoolSnapshot } from "../../../telemetry/telemetry.ts";

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

/** A call that waits. */
export interface WaitingCall {
  readonly waiterId: number;
  readonly preference: RunnerPreference;
}

/** Calls that wait for a slot, first in, first out. Leaving the queue costs as little as joining it. */
export class WaitQueue {
  readonly #waiters: Map<number, WaitingCall> = new Map();

  get size(): number {
    return this.#waiters.size;
  }

  add(waitingCall: WaitingCall): void {
    this.#waiters.set(waitingCall.waiterId, waitingCall);
  }

  remove(waiterId: number): void {
    this.#waiters.delete(waiterId);
  }

  /** The one that has waited longest. */
  first(): WaitingCall | undefined {
    for (const waitingCall of this.#waiters.values()) return waitingCall;
    return undefined;
  }

  /** Empties the line; gives who was in it, in order. */
  drain(): ReadonlyArray<WaitingCall> {
    const all = [...this.#waiters.values()];
    this.#waiters.clear();
    return all;
  }
}

/** Which leases are held, and on which runners. */
export class Leases {
  readonly #owners: Map<number, string> = new Map();
  #next = 1;

  /** Leases that are out. */
  get size(): number {
    return this.#owners.size;
  }

  /** Takes a slot of a runner. */
  take(runner: RunnerRecord): LeaseKey {
    const lease = this.#next++;
    this.#owners.set(lease, runner.id);
    runner.used++;
    runner.served++;
    runner.lastGrant = lease;
    return { lease, runnerId: runner.id };
  }

  /** Gives a slot back; `false` for a lease that is not out any more. */
  giveBack(key: LeaseKey, runner: RunnerRecord | undefined): boolean {
    if (!this.#owners.delete(key.lease)) return false;
    if (runner !== undefined) runner.used--;
    return true;
  }

  /** Forgets the leases on a runner. */
  drop(runnerId: string): void {
    for (const [lease, owner] of this.#owners) if (owner === runnerId) this.#owners.delete(lease);
  }
}

export class PoolStateBase {
  /** Whether the pool boots and ends its runners, or they are just there. */
  readonly supply: "elastic" | "fixed";
  readonly runners: RunnerTable = new RunnerTable();
  readonly waiters: WaitQueue = new WaitQueue();
  protected readonly leases: Leases = new Leases();
  bounds: PoolBounds;

  /** The ids are of the runners of a pool that neither boots nor ends any. */
  constructor(bounds: PoolBounds, fixedRunnerIds: ReadonlyArray<string> | undefined) {
    this.bounds = bounds;
    this.supply = fixedRunnerIds === undefined ? "elastic" : "fixed";
    for (const id of fixedRunnerIds ?? []) this.runners.add(id, "ready", 0);
  }

  /** Leases held now. */
  get used(): number {
    return this.leases.size;
  }

  /** Most leases at a time. */
  get limit(): number {
    return this.bounds.max * this.bounds.maxConcurrency;
  }

  /**
   * Whether so few fixed runners answer that the probes are not believed any more, and calls that find no slot elsewhere
   * go to those that do not. A pool that boots its runners replaces them instead.
   */
  get panics(): boolean {
    if (this.supply === "elastic") return false;
    const ready = this.runners.count("ready");
    return ready === 0 || ready < this.runners.size * this.bounds.panicThreshold;
  }

  /** Slots on runners that take work. */
  get provisioned(): number {
    return this.runners.count("ready") * this.bounds.maxConcurrency;
  }
}
