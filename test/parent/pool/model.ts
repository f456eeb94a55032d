/**
 * A model of a pool. For each event it checks that the pool's commands are allowed in the current state, and after each
 * step it checks the pool's invariants.
 */
import assert from "node:assert/strict";
import type { PoolBounds } from "../../../src/contract/config/pool-bounds.ts";
import { reactive } from "../../../src/contract/config/scaling.ts";
import type { LeaseKey, PoolCommand, PoolEvent } from "../../../src/parent/pool/core/events.ts";
import { PoolState } from "../../../src/parent/pool/core/state.ts";

/** Bounds that are unlimited except for the given ones. */
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

/** The pool under test, with a virtual clock. */
export class RealPool {
  readonly state: PoolState;
  /** The virtual clock, in milliseconds. */
  now = 0;

  constructor(given: PoolBounds, fixedRunnerIds?: ReadonlyArray<string>) {
    let named = 0;
    this.state = new PoolState(given, () => `r${++named}`, fixedRunnerIds);
  }
}

const without = (waiting: Array<number>, waiterId: number): void => {
  const at = waiting.indexOf(waiterId);
  if (at >= 0) waiting.splice(at, 1);
};

/** How many runners a reactive pool has needed over time, as a list of changes. */
class NeedHistory {
  readonly #changes: Array<{ readonly at: number; readonly runners: number }> = [{ at: -Infinity, runners: 0 }];

  record(at: number, runners: number): void {
    if (this.#changes.at(-1)?.runners !== runners) this.#changes.push({ at, runners });
  }

  /** The highest need at any time since `since`. */
  most(since: number): number {
    const first = this.#changes.findLastIndex(({ at }) => at <= since);
    return Math.max(...this.#changes.slice(Math.max(0, first)).map(({ runners }) => runners));
  }
}

export class PoolModel {
  /** The ids of waiting calls, in order of arrival. */
  readonly waiting: Array<number> = [];
  readonly leases = new Map<number, LeaseKey>();
  /** Leases that were released, or whose runner was lost. */
  readonly returned: Array<LeaseKey> = [];
  readonly booting = new Set<string>();
  /** Runners that have booted, or are fixed, and have not been terminated. */
  readonly up: Set<string>;
  readonly draining = new Set<string>();
  /** Draining runners that exit by themselves. */
  readonly awaited = new Set<string>();
  readonly refused = new Map<number, Extract<PoolCommand, { _tag: "Refuse" }>>();
  readonly granted = new Map<number, Extract<PoolCommand, { _tag: "Grant" }>>();
  /** Every command so far. */
  readonly commands: Array<PoolCommand> = [];
  readonly supply: "elastic" | "fixed";
  bounds: PoolBounds;
  bootsPaused = false;
  closed = false;
  /** Whether bounds were lowered, so that more may be in use than they allow until the current calls finish. */
  shrunk = false;
  readonly #needs = new NeedHistory();
  #waiterId = 0;

  constructor(given: PoolBounds, fixedRunnerIds?: ReadonlyArray<string>) {
    this.bounds = given;
    this.supply = fixedRunnerIds === undefined ? "elastic" : "fixed";
    this.up = new Set(fixedRunnerIds);
  }

  nextWaiterId(): number {
    return ++this.#waiterId;
  }

  /** Applies an event to the pool and checks the resulting commands. */
  apply(real: RealPool, event: PoolEvent): ReadonlyArray<PoolCommand> {
    this.#enter(event);
    const waited = [...this.waiting];
    const late = event._tag === "Release" && !real.state.closed && this.#isLate(event.key, real);
    const commands = real.state.step(event, real.now);
    this.commands.push(...commands);
    for (const command of commands) this.#take(command, event._tag);
    for (const command of commands) if (command._tag === "Grant") this.#checkChoice(command.key.runnerId, real.state);
    if (late) assert.deepEqual(commands, [], "a late release changes nothing");
    if (event._tag === "BootFailed") this.#checkBootFailure(event.error, waited);
    this.#check(real.state);
    if (!this.closed && this.supply === "elastic" && this.bounds.scaling === reactive) {
      this.#needs.record(real.now, this.#needed(real.state));
      if (event._tag === "Tick") this.#checkSize(real, commands);
      this.#checkCanceled(real, commands);
    }
    return commands;
  }

  /** Whether so few fixed runners respond that unresponsive ones get calls too. */
  panics({ runners }: PoolState): boolean {
    const ready = runners.count("ready");
    return this.supply === "fixed" && (ready === 0 || ready < runners.size * this.bounds.panicThreshold);
  }

  #enter(event: PoolEvent): void {
    switch (event._tag) {
      case "Acquire":
        this.waiting.push(event.waiterId);
        return;
      case "Abandon":
        return without(this.waiting, event.waiterId);
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

  #take(command: PoolCommand, because: PoolEvent["_tag"]): void {
    switch (command._tag) {
      case "Grant":
        assert.equal(this.waiting[0], command.waiterId, "grants go to the call that has waited longest");
        assert.ok(this.up.has(command.key.runnerId), "grants are on runners that are up");
        assert.ok(!this.draining.has(command.key.runnerId), "draining runners get no new calls");
        this.waiting.shift();
        this.granted.set(command.waiterId, command);
        this.leases.set(command.key.lease, command.key);
        return;
      case "Refuse":
        assert.ok(this.waiting.includes(command.waiterId), "only a waiting call is rejected");
        without(this.waiting, command.waiterId);
        this.refused.set(command.waiterId, command);
        return;
      case "Boot":
        assert.ok(!this.closed && !this.bootsPaused, "no boot while boots are paused or the pool is closed");
        this.booting.add(command.runnerId);
        return;
      case "CancelBoot":
        assert.ok(this.booting.delete(command.runnerId), "only a boot in progress is canceled");
        return;
      case "AllowBootLater":
        this.bootsPaused = true;
        return;
      case "Draining":
        assert.ok(this.up.has(command.runnerId), "only a runner that is up drains");
        this.draining.add(command.runnerId);
        return;
      case "AwaitEnd":
        assert.ok(this.draining.has(command.runnerId), "only a draining runner's exit is awaited");
        this.awaited.add(command.runnerId);
        return;
      case "FailCalls":
        for (const [lease, key] of this.leases) if (key.runnerId === command.runnerId) this.#forsake(lease, key);
        return;
      case "Terminate":
        return this.#checkEnd(command.runnerId, command.reason, because);
      case "Probe":
      case "ScheduleTick":
      case "Scaled":
      case "Saturated":
      case "Misbehaved":
    }
  }

  #forsake(lease: number, key: LeaseKey): void {
    this.leases.delete(lease);
    this.returned.push(key);
  }

  /** Whether a lease was already returned when it is released. */
  #isLate(key: LeaseKey, { state }: RealPool): boolean {
    return state.used === this.leases.size && this.returned.includes(key);
  }

  #checkEnd(runnerId: string, reason: string, because: PoolEvent["_tag"]): void {
    assert.ok(this.booting.delete(runnerId) || this.up.delete(runnerId), "a runner is terminated once");
    assert.equal(this.#heldOn(runnerId), 0, "a runner that has calls is not terminated");
    if (this.awaited.has(runnerId))
      assert.notEqual(because, "Release", "a runner that exits by itself is not terminated when its calls finish");
    if (reason === "idle" && this.bounds.minIdleShutdownMs === Infinity) {
      const left = [...this.up].filter((id) => !this.draining.has(id)).length;
      assert.ok(left >= this.bounds.min, "no runner of min is terminated for being idle");
    }
  }

  /** The number of runners needed for the running and waiting calls. */
  #needed({ runners }: PoolState): number {
    let calls = this.waiting.length;
    for (const { phase, used } of runners.values()) if (phase !== "draining" && phase !== "ejected") calls += used;
    return Math.min(this.bounds.max, Math.ceil(calls / this.bounds.maxConcurrency));
  }

  /** Checks that recently needed runners stay up and others stop soon, however the calls are spread. */
  #checkSize({ state, now }: RealPool, commands: ReadonlyArray<PoolCommand>): void {
    const { min, idleShutdownMs, minIdleShutdownMs } = this.bounds;
    if (typeof idleShutdownMs !== "number") return;
    const ready = [...state.runners.values()].filter(({ phase }) => phase === "ready");
    const lately = this.#needs.most(now - idleShutdownMs);
    const ended = commands.some((command) => command._tag === "Terminate" && command.reason === "idle");
    if (ended && minIdleShutdownMs === Infinity)
      assert.ok(ready.length >= lately, `${lately} runners were needed within the last ${idleShutdownMs} ms`);
    if (ready.length <= Math.max(min, lately)) return;
    for (const { id, used, readySince } of ready)
      assert.ok(
        used > 0 || now - readySince < idleShutdownMs,
        `${id} is idle but has not been needed for ${idleShutdownMs} ms`,
      );
  }

  /** Checks that no needed boot is canceled. */
  #checkCanceled({ state, now }: RealPool, commands: ReadonlyArray<PoolCommand>): void {
    if (!commands.some(({ _tag }) => _tag === "CancelBoot")) return;
    const { min, minIdleShutdownMs } = this.bounds;
    const needed = Math.max(this.#needs.most(now), minIdleShutdownMs === Infinity ? min : 0);
    assert.ok(state.runners.alive >= needed, "no needed boot is canceled");
  }

  /** Checks that, with no runner left, waiting calls are rejected with the cause of the failed boot. */
  #checkBootFailure(error: unknown, waited: ReadonlyArray<number>): void {
    if (this.up.size > 0 || this.booting.size > 0) return;
    for (const waiterId of waited) {
      const refusal = this.refused.get(waiterId);
      assert.equal(refusal?.why, "boot_failed", "a failed boot rejects the waiting calls");
      assert.equal(refusal?.error, error, "a failed boot rejects the waiting calls with its cause");
    }
  }

  /** Checks that a call is on a ready runner (draining if it is the last call), or in a panic on any without a ready slot. */
  #checkChoice(runnerId: string, state: PoolState): void {
    const phase = state.runners.get(runnerId)?.phase;
    if (phase === "ready" || phase === "draining") return;
    assert.ok(this.panics(state), `${runnerId}, which is ${phase}, gets a call only in a panic`);
    assert.ok(
      !this.#hasRoom(state, false),
      `${runnerId}, which is ${phase}, gets a call only when no other has a free slot`,
    );
  }

  #heldOn(runnerId: string): number {
    let held = 0;
    for (const key of this.leases.values()) if (key.runnerId === runnerId) held++;
    return held;
  }

  #hasRoom({ runners }: PoolState, anyPhase: boolean): boolean {
    return [...runners.values()].some(
      (runner) => (runner.phase === "ready" || anyPhase) && runner.used < this.bounds.maxConcurrency,
    );
  }

  #check(state: PoolState): void {
    const { min, max, maxConcurrency, minIdleShutdownMs } = this.bounds;
    const { runners } = state;
    assert.equal(state.used, this.leases.size, "the pool counts its leases");
    assert.equal(state.waiters.size, this.waiting.length, "the pool counts its waiting calls");
    assert.equal(runners.size, this.up.size + this.booting.size, "the pool counts its runners");
    for (const { id, used, phase, leaving } of runners.values()) {
      const held = this.#heldOn(id);
      assert.ok(this.up.has(id) || this.booting.has(id), `the pool knows ${id}`);
      assert.equal(used, held, `leases on ${id}`);
      assert.ok(phase !== "draining" || held > 0 || leaving, "a drained runner is terminated");
      assert.ok(this.shrunk || held <= maxConcurrency, "a runner has no more leases than slots");
    }
    assert.ok(this.shrunk || runners.size <= max, "there are no more runners than max");
    if (this.closed) return assert.deepEqual(this.waiting, [], "no call waits for a closed pool");
    const room = this.#hasRoom(state, this.panics(state));
    assert.ok(!room || this.waiting.length === 0, "no call waits while a slot is free");
    if (this.supply === "fixed" || this.bootsPaused) return;
    const full = runners.size >= max;
    assert.ok(minIdleShutdownMs < Infinity || runners.alive >= min || full, "there are at least min runners");
    const coming = (runners.count("booting") + runners.count("suspect")) * maxConcurrency;
    assert.ok(coming >= this.waiting.length || full, "every waiting call has a boot in progress, or the pool is full");
  }
}
