/**
 * What a pool may do, as books that are kept beside it: of each event, and of the commands that the pool answers with, it
 * checks that they fit what came before, and after each step what must always hold.
 */
import { expect } from "vitest";
import type { PoolBounds } from "../../../src/contract/pool-bounds.ts";
import { reactive } from "../../../src/contract/scaling.ts";
import type { LeaseKey, PoolCommand, PoolEvent } from "../../../src/parent/pool/events.ts";
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

/** The pool under test, on a clock of its own. */
export class RealPool {
  readonly state: PoolState;
  /** The virtual clock, in milliseconds. */
  now = 0;

  constructor(given: PoolBounds, fixedRunnerIds?: ReadonlyArray<string>) {
    let named = 0;
    this.state = new PoolState(given, () => `r${++named}`, fixedRunnerIds);
  }
}

const without = (waiting: Array<number>, ticket: number): void => {
  const at = waiting.indexOf(ticket);
  if (at >= 0) waiting.splice(at, 1);
};

export class PoolModel {
  /** Tickets that wait, in the order they came. */
  readonly waiting: Array<number> = [];
  readonly leases = new Map<number, LeaseKey>();
  /** Leases that have come back, or whose runner is lost. */
  readonly returned: Array<LeaseKey> = [];
  readonly booting = new Set<string>();
  /** Runners that have booted, or were there from the start, and have not been ended. */
  readonly up: Set<string>;
  readonly draining = new Set<string>();
  readonly refused = new Map<number, Extract<PoolCommand, { _tag: "Refuse" }>>();
  readonly granted = new Map<number, Extract<PoolCommand, { _tag: "Grant" }>>();
  /** Every command so far. */
  readonly commands: Array<PoolCommand> = [];
  readonly supply: "elastic" | "fixed";
  bounds: PoolBounds;
  bootsPaused = false;
  closed = false;
  /** Whether bounds were lowered below what may be in use: it goes when the calls that have it are done. */
  shrunk = false;
  #ticket = 0;

  constructor(given: PoolBounds, fixedRunnerIds?: ReadonlyArray<string>) {
    this.bounds = given;
    this.supply = fixedRunnerIds === undefined ? "elastic" : "fixed";
    this.up = new Set(fixedRunnerIds);
  }

  nextTicket(): number {
    return ++this.#ticket;
  }

  /** Lets something happen to the pool, and checks what it makes of it. */
  apply(real: RealPool, event: PoolEvent): ReadonlyArray<PoolCommand> {
    this.#enter(event);
    const waited = [...this.waiting];
    const late = event._tag === "Release" && !real.state.closed && this.#isLate(event.key, real);
    const commands = real.state.step(event, real.now);
    this.commands.push(...commands);
    for (const command of commands) this.#take(command);
    for (const command of commands) if (command._tag === "Grant") this.#checkChoice(command.key.runnerId, real.state);
    if (late) expect(commands, "a late check-in changes nothing").toEqual([]);
    if (event._tag === "BootFailed") this.#checkBootFailure(event.error, waited);
    this.#check(real.state);
    return commands;
  }

  /** Whether so few fixed runners answer that the others get calls too. */
  panics({ runners }: PoolState): boolean {
    const ready = runners.count("ready");
    return this.supply === "fixed" && (ready === 0 || ready < runners.size * this.bounds.panicThreshold);
  }

  #enter(event: PoolEvent): void {
    switch (event._tag) {
      case "Acquire":
        this.waiting.push(event.ticket);
        return;
      case "Abandon":
        return without(this.waiting, event.ticket);
      case "Release":
        if (this.leases.delete(event.key.lease)) this.returned.push(event.key);
        return;
      case "BootSucceeded":
        this.booting.delete(event.runnerId);
        this.up.add(event.runnerId);
        return;
      case "BootFailed":
        this.booting.delete(event.runnerId);
        return;
      case "BootAllowed":
        this.bootsPaused = false;
        return;
      case "Update":
        this.shrunk ||= event.bounds.max < this.bounds.max || event.bounds.maxConcurrency < this.bounds.maxConcurrency;
        this.bounds = event.bounds;
        return;
      case "Close":
        this.closed = true;
        return;
      case "Suspected":
      case "Refused":
      case "Silent":
      case "ProbeEnded":
      case "Lost":
      case "Tick":
    }
  }

  #take(command: PoolCommand): void {
    switch (command._tag) {
      case "Grant":
        expect(this.waiting[0], "grants go to whoever waited longest").toBe(command.ticket);
        expect(this.up, "grants are on runners that are up").toContain(command.key.runnerId);
        expect(this.draining, "draining runners get no new work").not.toContain(command.key.runnerId);
        this.waiting.shift();
        this.granted.set(command.ticket, command);
        this.leases.set(command.key.lease, command.key);
        return;
      case "Refuse":
        expect(this.waiting, "only a waiting call is refused").toContain(command.ticket);
        without(this.waiting, command.ticket);
        this.refused.set(command.ticket, command);
        return;
      case "Boot":
        expect(this.closed || this.bootsPaused, "no boot while boots are paused, or the pool is closed").toBe(false);
        this.booting.add(command.runnerId);
        return;
      case "AllowBootLater":
        this.bootsPaused = true;
        return;
      case "Draining":
        expect(this.up, "only a runner that is up drains").toContain(command.runnerId);
        this.draining.add(command.runnerId);
        return;
      case "AwaitEnd":
        expect(this.draining, "only a draining runner's end is awaited").toContain(command.runnerId);
        return;
      case "Forsake":
        for (const [lease, key] of this.leases) if (key.runnerId === command.runnerId) this.#forsake(lease, key);
        return;
      case "Terminate": {
        const known = this.booting.delete(command.runnerId) || this.up.delete(command.runnerId);
        expect(known, "a runner is ended once").toBe(true);
        const held = [...this.leases.values()].filter((key) => key.runnerId === command.runnerId);
        expect(held, "a runner that has calls is not ended").toEqual([]);
        return;
      }
      case "Probe":
      case "Scaled":
      case "Saturated":
    }
  }

  #forsake(lease: number, key: LeaseKey): void {
    this.leases.delete(lease);
    this.returned.push(key);
  }

  /** Whether a lease is not out any more when it is given back. */
  #isLate(key: LeaseKey, { state }: RealPool): boolean {
    return state.used === this.leases.size && this.returned.includes(key);
  }

  /** With no runner left, whoever waits learns why. */
  #checkBootFailure(error: unknown, waited: ReadonlyArray<number>): void {
    if (this.up.size > 0 || this.booting.size > 0) return;
    for (const ticket of waited) {
      expect(this.refused.get(ticket), "a failed boot reaches its waiters with its cause").toMatchObject({
        why: "boot_failed",
      });
      expect(this.refused.get(ticket)?.error).toBe(error);
    }
  }

  /** A call is on a runner that takes work, which may have been its last, and in a panic on any where no other has room. */
  #checkChoice(runnerId: string, state: PoolState): void {
    const phase = state.runners.get(runnerId)?.phase;
    if (phase === "ready" || phase === "draining") return;
    expect(this.panics(state), `${runnerId}, which is ${phase}, gets a call only in a panic`).toBe(true);
    expect(this.#hasRoom(state, false), `${runnerId}, which is ${phase}, gets a call only when no other has room`).toBe(
      false,
    );
  }

  #hasRoom({ runners }: PoolState, anyPhase: boolean): boolean {
    return [...runners.values()].some(
      (runner) => (runner.phase === "ready" || anyPhase) && runner.used < this.bounds.maxConcurrency,
    );
  }

  #check(state: PoolState): void {
    const { min, max, maxConcurrency, minIdleShutdownMs } = this.bounds;
    expect(state.used, "the pool counts the leases that are out").toBe(this.leases.size);
    expect(state.waiters.size, "the pool counts the calls that wait").toBe(this.waiting.length);
    expect(new Set(state.runners.keys()), "the pool knows its runners").toEqual(new Set([...this.up, ...this.booting]));
    for (const runner of state.runners.values()) {
      const held = [...this.leases.values()].filter((key) => key.runnerId === runner.id).length;
      expect(runner.used, `leases on ${runner.id}`).toBe(held);
      expect(runner.phase === "draining" && held === 0 && !runner.leaving, "a runner that drained is gone").toBe(false);
      if (!this.shrunk)
        expect(held, "never more leases on a runner than its slots").toBeLessThanOrEqual(maxConcurrency);
    }
    if (!this.shrunk) expect(state.runners.size, "never more runners than max").toBeLessThanOrEqual(max);
    if (this.closed) {
      expect(this.waiting, "nobody waits for a closed pool").toEqual([]);
      return;
    }
    expect(
      this.#hasRoom(state, this.panics(state)) && this.waiting.length > 0,
      "no call waits beside a free slot",
    ).toBe(false);
    if (this.supply === "fixed" || this.bootsPaused) return;
    const full = state.runners.size >= max;
    if (minIdleShutdownMs === Infinity) expect(state.runners.alive >= min || full, "min is held").toBe(true);
    const coming = state.runners.count("booting") * maxConcurrency;
    const recovering = state.runners.count("suspect") * maxConcurrency;
    expect(
      coming + recovering >= this.waiting.length || full,
      "every waiting call has a boot under way, or the pool is full",
    ).toBe(true);
  }
}
