/** Drives a pool's state machine as its shell would, and checks after every step what must always hold. */
import { expect } from "vitest";
import type { LeaseKey, PoolCommand, PoolEvent } from "../../../src/parent/pool/events.ts";
import type { PoolBounds } from "../../../src/contract/pool-bounds.ts";
import { reactive } from "../../../src/contract/scaling.ts";
import { PoolState } from "../../../src/parent/pool/state.ts";

/** Bounds that bound nothing but what a test names. */
export const bounds = (given: Partial<PoolBounds> = {}): PoolBounds => ({
  min: 0,
  max: 2,
  maxConcurrency: 1,
  maxQueue: Infinity,
  routing: "spread",
  scaling: reactive,
  idleShutdownMs: Infinity,
  minIdleShutdownMs: Infinity,
  maxCalls: Infinity,
  maxAgeMs: Infinity,
  maxRssBytes: Infinity,
  drainTimeoutMs: Infinity,
  panicThreshold: 0,
  ...given,
});

export class Driver {
  readonly state: PoolState;
  /** The virtual clock, in milliseconds. */
  now = 0;
  /** Tickets that wait, in the order they came. */
  readonly waiting: Array<number> = [];
  readonly leases = new Map<number, LeaseKey>();
  readonly returned: Array<LeaseKey> = [];
  readonly booting = new Set<string>();
  readonly probing = new Set<string>();
  readonly refused = new Map<number, Extract<PoolCommand, { _tag: "Refuse" }>>();
  readonly granted = new Map<number, Extract<PoolCommand, { _tag: "Grant" }>>();
  /** Every command so far. */
  readonly commands: Array<PoolCommand> = [];
  bootsPaused = false;
  /** Whether bounds were lowered below what is in use: it goes when the calls that have it are done. */
  shrunk = false;
  #ticket = 0;
  #named = 0;

  constructor(given: Partial<PoolBounds>, fixedRunnerIds?: ReadonlyArray<string>) {
    this.state = new PoolState(bounds(given), () => `r${++this.#named}`, fixedRunnerIds);
    this.step({ _tag: "Tick" });
  }

  acquire(avoid?: string, affinityKey?: string, remainingMs = Infinity): number {
    const ticket = ++this.#ticket;
    this.waiting.push(ticket);
    this.step({ _tag: "Acquire", ticket, wish: { avoid, affinityKey }, remainingMs });
    return ticket;
  }

  abandon(ticket: number): void {
    this.waiting.splice(this.waiting.indexOf(ticket), 1);
    this.step({ _tag: "Abandon", ticket });
  }

  release(key: LeaseKey, heldMs = 1): void {
    this.leases.delete(key.lease);
    this.returned.push(key);
    this.step({ _tag: "Release", key, heldMs });
  }

  bootSucceeds(runnerId: string): void {
    this.booting.delete(runnerId);
    this.step({ _tag: "BootSucceeded", runnerId });
  }

  bootFails(runnerId: string, error: unknown): void {
    this.booting.delete(runnerId);
    this.step({ _tag: "BootFailed", runnerId, error });
  }

  allowBoots(): void {
    this.bootsPaused = false;
    this.step({ _tag: "BootAllowed" });
  }

  lose(runnerId: string): void {
    this.step({ _tag: "Lost", runnerId, reason: "crash" });
  }

  /** Lets time pass. */
  advance(ms: number): ReadonlyArray<PoolCommand> {
    this.now += ms;
    return this.step({ _tag: "Tick" });
  }

  update(given: Partial<PoolBounds>): void {
    this.step({ _tag: "Update", bounds: { ...this.state.bounds, ...given } });
  }

  /** The latest command of a kind. */
  last(tag: PoolCommand["_tag"]): PoolCommand | undefined {
    return this.commands.findLast((command) => command._tag === tag);
  }

  step(event: PoolEvent): ReadonlyArray<PoolCommand> {
    const commands = this.state.step(event, this.now);
    this.commands.push(...commands);
    for (const command of commands) this.#take(command);
    for (const command of commands) if (command._tag === "Grant") this.#checkChoice(command.key.runnerId);
    this.check();
    return commands;
  }

  #take(command: PoolCommand): void {
    switch (command._tag) {
      case "Grant":
        expect(this.waiting[0], "grants go to whoever waited longest").toBe(command.ticket);
        this.waiting.shift();
        this.granted.set(command.ticket, command);
        this.leases.set(command.key.lease, command.key);
        break;
      case "Refuse":
        expect(this.waiting, "only a waiting call is refused").toContain(command.ticket);
        this.waiting.splice(this.waiting.indexOf(command.ticket), 1);
        this.refused.set(command.ticket, command);
        break;
      case "Boot":
        expect(this.bootsPaused, "no boot while boots are paused").toBe(false);
        this.booting.add(command.runnerId);
        break;
      case "Probe":
        this.probing.add(command.runnerId);
        break;
      case "AllowBootLater":
        this.bootsPaused = true;
        break;
      case "Terminate":
        this.booting.delete(command.runnerId);
        break;
      case "Forsake":
        for (const [lease, key] of this.leases) if (key.runnerId === command.runnerId) this.leases.delete(lease);
        break;
      case "AwaitEnd":
        expect(this.state.runners.get(command.runnerId)?.phase, "only a draining runner's end is awaited").toBe(
          "draining",
        );
        break;
      case "Draining":
      case "Scaled":
      case "Saturated":
        break;
    }
  }

  /** Whether so few fixed runners answer that the others get calls too. */
  get panics(): boolean {
    const { runners, supply, bounds } = this.state;
    const ready = runners.count("ready");
    return supply === "fixed" && (ready === 0 || ready < runners.size * bounds.panicThreshold);
  }

  /** A call may be on a runner that takes work, or on one that leaves and took it as its last, and in a panic on any. */
  #checkChoice(runnerId: string): void {
    const { runners, bounds } = this.state;
    const phase = runners.get(runnerId)?.phase;
    if (phase === "ready" || phase === "draining") return;
    expect(this.panics, `${runnerId}, which is ${phase}, gets a call only in a panic`).toBe(true);
    const free = [...runners.values()].some(
      (runner) => runner.phase === "ready" && runner.used < bounds.maxConcurrency,
    );
    expect(free, `${runnerId}, which is ${phase}, gets a call only when no other one has room`).toBe(false);
  }

  /** What must hold whatever happened. */
  check(): void {
    const { state } = this;
    const { min, max, maxConcurrency } = state.bounds;
    expect(state.used, "the pool counts the leases that are out").toBe(this.leases.size);
    expect(state.waiters.size, "the pool counts the calls that wait").toBe(this.waiting.length);
    for (const runner of state.runners.values()) {
      const held = [...this.leases.values()].filter((key) => key.runnerId === runner.id).length;
      expect(runner.used, `leases on ${runner.id}`).toBe(held);
      expect(runner.phase === "draining" && held === 0 && !runner.leaving, "a runner that drained is gone").toBe(false);
      if (!this.shrunk)
        expect(held, "never more leases on a runner than its slots").toBeLessThanOrEqual(maxConcurrency);
    }
    if (!this.shrunk) expect(state.runners.size, "never more runners than max").toBeLessThanOrEqual(max);
    if (state.closed) {
      expect(this.waiting, "nobody waits for a closed pool").toEqual([]);
      return;
    }
    const free = [...state.runners.values()].some(
      (runner) => (runner.phase === "ready" || this.panics) && runner.used < maxConcurrency,
    );
    expect(free && this.waiting.length > 0, "no call waits beside a free slot").toBe(false);
    if (state.supply === "fixed" || this.bootsPaused) return;
    const full = state.runners.size >= max;
    if (state.bounds.minIdleShutdownMs === Infinity)
      expect(state.runners.alive >= min || full, "min is held").toBe(true);
    const coming = state.runners.count("booting") * maxConcurrency;
    const recovering = state.runners.count("suspect") * maxConcurrency;
    expect(
      coming + recovering >= this.waiting.length || full,
      "every waiting call has a boot under way, or the pool is full",
    ).toBe(true);
  }
}
