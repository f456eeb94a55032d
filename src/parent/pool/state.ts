/**
 * The pool as a state machine: it is told what happened and says what to do. It
 * has no clock, no timers and no I/O, so that every rule of pooling can be
 * tested by itself. {@link PoolState.step} changes the state in place — a pool
 * decides on every call, and copying it each time would cost more than the call
 * — but depends on nothing else than the events it is given.
 */
import type { TerminationReason } from "../../telemetry/telemetry.ts";
import type { LeaseKey, PoolCommand, PoolEvent } from "./events.ts";
import type { RunnerPhase, RunnerRecord } from "./routing.ts";
import { chooseRunner } from "./routing.ts";
import { WaiterQueue } from "./waiters.ts";

/** What bounds a pool. */
export interface PoolLimits {
  /** Runners kept alive. */
  readonly min: number;
  /** Most runners at a time, booting and draining ones included. */
  readonly max: number;
  /** Invocations that one runner works on at a time. */
  readonly maxConcurrency: number;
}

/** How a pool gets its runners: it boots and ends them, or they are just there. */
export type Supply = "elastic" | "fixed";

export class PoolState {
  readonly limits: PoolLimits;
  readonly supply: Supply;
  readonly runners: Map<string, RunnerRecord> = new Map();
  readonly waiters: WaiterQueue = new WaiterQueue();
  readonly #leases: Map<number, string> = new Map();
  readonly #probeFailures: Map<string, number> = new Map();
  #nextLease = 1;
  #grants = 0;
  #bootFailures = 0;
  #bootsAllowed = true;
  #closed = false;
  #saturated = false;
  readonly #nameRunner: () => string;

  constructor(options: { limits: PoolLimits; fixedRunnerIds?: ReadonlyArray<string>; nameRunner?: () => string }) {
    this.limits = options.limits;
    this.supply = options.fixedRunnerIds === undefined ? "elastic" : "fixed";
    this.#nameRunner = options.nameRunner ?? (() => `runner-${this.runners.size}`);
    for (const id of options.fixedRunnerIds ?? []) this.#add(id, "ready");
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Leases held now. */
  get used(): number {
    return this.#leases.size;
  }

  /** Most leases at a time. */
  get limit(): number {
    return this.limits.max * this.limits.maxConcurrency;
  }

  /** Slots on runners that take work. */
  get provisioned(): number {
    return this.count("ready") * this.limits.maxConcurrency;
  }

  count(phase: RunnerPhase): number {
    let count = 0;
    for (const runner of this.runners.values()) if (runner.phase === phase) count++;
    return count;
  }

  /** Takes in what happened; gives what to do, in order. */
  step(event: PoolEvent): ReadonlyArray<PoolCommand> {
    const commands: Array<PoolCommand> = [];
    switch (event._tag) {
      case "Acquire":
        this.#acquire(event.ticket, event.avoid, commands);
        break;
      case "Abandon":
        this.waiters.remove(event.ticket);
        break;
      case "Release":
        this.#release(event.key, commands);
        break;
      case "BootSucceeded":
        this.#bootSucceeded(event.runnerId, commands);
        break;
      case "BootFailed":
        this.#bootFailed(event.runnerId, event.error, commands);
        break;
      case "BootAllowed":
        this.#bootsAllowed = true;
        break;
      case "Suspected":
        this.#suspected(event.runnerId, commands);
        break;
      case "Refused":
        this.#refused(event.runnerId, commands);
        break;
      case "ProbeEnded":
        this.#probeEnded(event.runnerId, event.healthy, commands);
        break;
      case "Lost":
        this.#lost(event.runnerId, event.reason, commands);
        break;
      case "Start":
        break;
      case "Close":
        this.#close(commands);
        break;
    }
    if (!this.#closed) {
      this.#grow(commands);
      this.#noteSaturation(commands);
    }
    return commands;
  }

  #add(id: string, phase: RunnerPhase): RunnerRecord {
    const runner: RunnerRecord = { id, phase, used: 0, served: 0, lastGrant: 0, drainReason: undefined };
    this.runners.set(id, runner);
    return runner;
  }

  #acquire(ticket: number, avoid: string | undefined, commands: Array<PoolCommand>): void {
    if (this.#closed) {
      commands.push({ _tag: "Refuse", ticket, why: "closed" });
      return;
    }
    if (this.supply === "fixed" && this.runners.size === 0) {
      commands.push({ _tag: "Refuse", ticket, why: "no_runner" });
      return;
    }
    const runner = this.waiters.size === 0 ? this.#choose(avoid) : undefined;
    if (runner === undefined) this.waiters.add({ ticket, avoid });
    else this.#grant(ticket, runner, "warm", commands);
  }

  #choose(avoid: string | undefined): RunnerRecord | undefined {
    return chooseRunner(this.runners, this.limits.maxConcurrency, { avoid, insist: this.supply === "fixed" });
  }

  #grant(ticket: number, runner: RunnerRecord, source: "warm" | "queued" | "cold", commands: Array<PoolCommand>): void {
    const lease = this.#nextLease++;
    this.#leases.set(lease, runner.id);
    runner.used++;
    runner.served++;
    runner.lastGrant = ++this.#grants;
    commands.push({ _tag: "Grant", ticket, key: { lease, runnerId: runner.id }, source });
  }

  /** Gives free slots to waiters, first come first served. Those on the runner that has just booted waited for its boot. */
  #dispatch(commands: Array<PoolCommand>, booted?: RunnerRecord): void {
    for (let waiter = this.waiters.first(); waiter !== undefined; waiter = this.waiters.first()) {
      const runner = this.#choose(waiter.avoid);
      if (runner === undefined) return;
      this.waiters.remove(waiter.ticket);
      this.#grant(waiter.ticket, runner, runner === booted ? "cold" : "queued", commands);
    }
  }

  #release(key: LeaseKey, commands: Array<PoolCommand>): void {
    if (!this.#leases.delete(key.lease)) return;
    const runner = this.runners.get(key.runnerId);
    if (runner === undefined) return;
    runner.used--;
    this.#bootFailures = 0;
    if (runner.phase === "draining" && runner.used === 0) {
      this.#remove(runner, runner.drainReason ?? "drain", commands);
    } else {
      this.#dispatch(commands);
    }
  }

  #bootSucceeded(runnerId: string, commands: Array<PoolCommand>): void {
    const runner = this.runners.get(runnerId);
    if (runner?.phase !== "booting") return;
    runner.phase = "ready";
    this.#dispatch(commands, runner);
  }

  #bootFailed(runnerId: string, error: unknown, commands: Array<PoolCommand>): void {
    const runner = this.runners.get(runnerId);
    if (runner?.phase !== "booting") return;
    this.runners.delete(runnerId);
    this.#pauseBoots(commands);
    if (this.runners.size > 0) return;
    for (const waiter of this.waiters.drain()) {
      commands.push({ _tag: "Refuse", ticket: waiter.ticket, why: "boot_failed", error });
    }
  }

  #pauseBoots(commands: Array<PoolCommand>): void {
    this.#bootsAllowed = false;
    commands.push({ _tag: "AllowBootLater", failures: ++this.#bootFailures });
  }

  #suspected(runnerId: string, commands: Array<PoolCommand>): void {
    const runner = this.runners.get(runnerId);
    if (runner?.phase !== "ready") return;
    runner.phase = "suspect";
    commands.push({ _tag: "Probe", runnerId, afterFailures: 0 });
    this.#dispatch(commands);
  }

  /** A fixed runner gets no calls until its successor answers. One of a backend is let finish: its end will be told. */
  #refused(runnerId: string, commands: Array<PoolCommand>): void {
    if (this.supply === "fixed") this.#suspected(runnerId, commands);
  }

  #probeEnded(runnerId: string, healthy: boolean, commands: Array<PoolCommand>): void {
    const runner = this.runners.get(runnerId);
    if (runner === undefined || (runner.phase !== "suspect" && runner.phase !== "ejected")) return;
    if (healthy) {
      this.#probeFailures.delete(runnerId);
      runner.phase = "ready";
      this.#dispatch(commands);
    } else if (this.supply === "elastic") {
      this.#lost(runnerId, "unhealthy", commands);
    } else {
      const failures = (this.#probeFailures.get(runnerId) ?? 0) + 1;
      this.#probeFailures.set(runnerId, failures);
      runner.phase = "ejected";
      commands.push({ _tag: "Probe", runnerId, afterFailures: failures });
    }
  }

  #lost(runnerId: string, reason: TerminationReason, commands: Array<PoolCommand>): void {
    const runner = this.runners.get(runnerId);
    if (runner === undefined) return;
    for (const [lease, owner] of this.#leases) if (owner === runnerId) this.#leases.delete(lease);
    commands.push({ _tag: "Forsake", runnerId, reason });
    if (this.supply === "elastic" && runner.served === 0 && reason !== "drain") this.#pauseBoots(commands);
    this.#remove(runner, reason, commands);
  }

  #remove(runner: RunnerRecord, reason: TerminationReason, commands: Array<PoolCommand>): void {
    this.runners.delete(runner.id);
    commands.push({ _tag: "Terminate", runnerId: runner.id, reason });
  }

  /** Boots what `min` and the waiters need, within `max`. */
  #grow(commands: Array<PoolCommand>): void {
    if (this.supply === "fixed" || !this.#bootsAllowed) return;
    const booting = this.count("booting");
    const uncovered = this.waiters.size - booting * this.limits.maxConcurrency;
    const forWaiters = Math.max(0, Math.ceil(uncovered / this.limits.maxConcurrency));
    const forMin = this.limits.min - booting - this.count("ready");
    const wanted = Math.min(Math.max(forWaiters, forMin), this.limits.max - this.runners.size);
    for (let i = 0; i < wanted; i++) {
      const runnerId = this.#nameRunner();
      this.#add(runnerId, "booting");
      const reason =
        i < forWaiters ? `${this.waiters.size} calls wait and ${booting} runners are booting` : `min is ${this.limits.min}`;
      commands.push({ _tag: "Boot", runnerId, ticket: i < forWaiters ? this.waiters.first()?.ticket : undefined, reason });
    }
  }

  /** Tells that the pool is saturated, once until nobody waits and a fifth of its slots is free again. */
  #noteSaturation(commands: Array<PoolCommand>): void {
    if (this.waiters.size > 0 && this.used >= this.limit) {
      if (!this.#saturated) commands.push({ _tag: "Saturated", pending: this.waiters.size, limit: this.limit });
      this.#saturated = true;
    } else if (this.waiters.size === 0 && this.used <= this.limit * 0.8) {
      this.#saturated = false;
    }
  }

  #close(commands: Array<PoolCommand>): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const waiter of this.waiters.drain()) commands.push({ _tag: "Refuse", ticket: waiter.ticket, why: "closed" });
    for (const runner of [...this.runners.values()]) {
      if (runner.used === 0) {
        this.#remove(runner, "drain", commands);
      } else {
        runner.phase = "draining";
        runner.drainReason = "drain";
      }
    }
  }
}
