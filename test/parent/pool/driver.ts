/** Drives a pool's state machine as its shell would, and checks after every step what must always hold. */
import { expect } from "vitest";
import type { LeaseKey, PoolCommand, PoolEvent } from "../../../src/parent/pool/events.ts";
import type { PoolLimits } from "../../../src/parent/pool/state.ts";
import { PoolState } from "../../../src/parent/pool/state.ts";

export class Driver {
  readonly state: PoolState;
  readonly limits: PoolLimits;
  /** Tickets that wait, in the order they came. */
  readonly waiting: Array<number> = [];
  readonly leases = new Map<number, LeaseKey>();
  readonly returned: Array<LeaseKey> = [];
  readonly booting = new Set<string>();
  readonly probing = new Set<string>();
  readonly refused = new Map<number, Extract<PoolCommand, { _tag: "Refuse" }>>();
  readonly granted = new Map<number, Extract<PoolCommand, { _tag: "Grant" }>>();
  bootsPaused = false;
  #ticket = 0;
  #named = 0;

  constructor(limits: PoolLimits, fixedRunnerIds?: ReadonlyArray<string>) {
    this.limits = limits;
    this.state = new PoolState({
      limits,
      ...(fixedRunnerIds === undefined ? {} : { fixedRunnerIds }),
      nameRunner: () => `r${++this.#named}`,
    });
    this.step({ _tag: "Start" });
  }

  acquire(avoid?: string): number {
    const ticket = ++this.#ticket;
    this.waiting.push(ticket);
    this.step({ _tag: "Acquire", ticket, avoid });
    return ticket;
  }

  abandon(ticket: number): void {
    this.waiting.splice(this.waiting.indexOf(ticket), 1);
    this.step({ _tag: "Abandon", ticket });
  }

  release(key: LeaseKey): void {
    this.leases.delete(key.lease);
    this.returned.push(key);
    this.step({ _tag: "Release", key });
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
    for (const [lease, key] of this.leases) if (key.runnerId === runnerId) this.leases.delete(lease);
    this.booting.delete(runnerId);
    this.step({ _tag: "Lost", runnerId, reason: "crash" });
  }

  step(event: PoolEvent): ReadonlyArray<PoolCommand> {
    const commands = this.state.step(event);
    for (const command of commands) this.#take(command);
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
      case "Saturated":
        break;
    }
  }

  /** What must hold whatever happened. */
  check(): void {
    const { state, limits } = this;
    expect(state.used, "the pool counts the leases that are out").toBe(this.leases.size);
    expect(state.waiters.size, "the pool counts the calls that wait").toBe(this.waiting.length);
    expect(state.runners.size, "never more runners than max").toBeLessThanOrEqual(limits.max);
    for (const runner of state.runners.values()) {
      const held = [...this.leases.values()].filter((key) => key.runnerId === runner.id).length;
      expect(runner.used, `leases on ${runner.id}`).toBe(held);
      expect(held, "never more leases on a runner than its slots").toBeLessThanOrEqual(limits.maxConcurrency);
    }
    if (state.closed) {
      expect(this.waiting, "nobody waits for a closed pool").toEqual([]);
      return;
    }
    const free = [...state.runners.values()].some((runner) => runner.phase === "ready" && runner.used < limits.maxConcurrency);
    expect(free && this.waiting.length > 0, "no call waits beside a free slot").toBe(false);
    if (state.supply === "elastic" && !this.bootsPaused) {
      const up = state.count("ready") + state.count("booting");
      expect(up >= limits.min || state.runners.size === limits.max, "min is held").toBe(true);
      const coming = state.count("booting") * limits.maxConcurrency;
      expect(
        coming >= this.waiting.length || state.runners.size === limits.max,
        "every waiting call has a boot under way, or the pool is full",
      ).toBe(true);
    }
  }
}
