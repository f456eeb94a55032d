/**
 * What a pool may do, as books that are kept beside it: of each event, and of the commands that the pool answers with, it
 * checks that they fit what came before, and after each step what must always hold.
 */
import assert from "node:assert/strict";
import type { PoolBounds } from "../../../src/contract/config/pool-bounds.ts";
import { reactive } from "../../../src/contract/config/scaling.ts";
import type { LeaseKey, PoolCommand, PoolEvent } from "../../../src/parent/pool/core/events.ts";
import { PoolState } from "../../../src/parent/pool/core/state.ts";

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

  /** The most that were needed at any time from `since` on. */
  most(since: number): number {
    const first = this.#changes.findLastIndex(({ at }) => at <= since);
    return Math.max(...this.#changes.slice(Math.max(0, first)).map(({ runners }) => runners));
  }
}

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
  /** Runners among those that end by themselves. */
  readonly awaited = new Set<string>();
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

  /** Lets something happen to the pool, and checks what it makes of it. */
  apply(real: RealPool, event: PoolEvent): ReadonlyArray<PoolCommand> {
    this.#enter(event);
    const waited = [...this.waiting];
    const late = event._tag === "Release" && !real.state.closed && this.#isLate(event.key, real);
    const commands = real.state.step(event, real.now);
    this.commands.push(...commands);
    for (const command of commands) this.#take(command, event._tag);
    for (const command of commands) if (command._tag === "Grant") this.#checkChoice(command.key.runnerId, real.state);
    if (late) assert.deepEqual(commands, [], "a late check-in changes nothing");
    if (event._tag === "BootFailed") this.#checkBootFailure(event.error, waited);
    this.#check(real.state);
    if (!this.closed && this.supply === "elastic" && this.bounds.scaling === reactive) {
      this.#needs.record(real.now, this.#needed(real.state));
      if (event._tag === "Tick") this.#checkSize(real, commands);
      this.#checkCanceled(real, commands);
    }
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
        assert.equal(this.waiting[0], command.waiterId, "grants go to whoever waited longest");
        assert.ok(this.up.has(command.key.runnerId), "grants are on runners that are up");
        assert.ok(!this.draining.has(command.key.runnerId), "draining runners get no new work");
        this.waiting.shift();
        this.granted.set(command.waiterId, command);
        this.leases.set(command.key.lease, command.key);
        return;
      case "Refuse":
        assert.ok(this.waiting.includes(command.waiterId), "only a waiting call is refused");
        without(this.waiting, command.waiterId);
        this.refused.set(command.waiterId, command);
        return;
      case "Boot":
        assert.ok(!this.closed && !this.bootsPaused, "no boot while boots are paused, or the pool is closed");
        this.booting.add(command.runnerId);
        return;
      case "CancelBoot":
        assert.ok(this.booting.delete(command.runnerId), "only a boot that is under way is canceled");
        return;
      case "AllowBootLater":
        this.bootsPaused = true;
        return;
      case "Draining":
        assert.ok(this.up.has(command.runnerId), "only a runner that is up drains");
        this.draining.add(command.runnerId);
        return;
      case "AwaitEnd":
        assert.ok(this.draining.has(command.runnerId), "only a draining runner's end is awaited");
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

  /** Whether a lease is not out any more when it is given back. */
  #isLate(key: LeaseKey, { state }: RealPool): boolean {
    return state.used === this.leases.size && this.returned.includes(key);
  }

  #checkEnd(runnerId: string, reason: string, because: PoolEvent["_tag"]): void {
    assert.ok(this.booting.delete(runnerId) || this.up.delete(runnerId), "a runner is ended once");
    assert.equal(this.#heldOn(runnerId), 0, "a runner that has calls is not ended");
    if (this.awaited.has(runnerId))
      assert.notEqual(because, "Release", "a runner that ends by itself is not hurried by the end of its calls");
    if (reason === "idle" && this.bounds.minIdleShutdownMs === Infinity) {
      const left = [...this.up].filter((id) => !this.draining.has(id)).length;
      assert.ok(left >= this.bounds.min, "no runner of min ends for being idle");
    }
  }

  /** Runners for the calls that run and wait. */
  #needed({ runners }: PoolState): number {
    let calls = this.waiting.length;
    for (const { phase, used } of runners.values()) if (phase !== "draining" && phase !== "ejected") calls += used;
    return Math.min(this.bounds.max, Math.ceil(calls / this.bounds.maxConcurrency));
  }

  /** Of the runners that are up, as many as were needed lately stay, and no others for long, however the calls are spread. */
  #checkSize({ state, now }: RealPool, commands: ReadonlyArray<PoolCommand>): void {
    const { min, idleShutdownMs, minIdleShutdownMs } = this.bounds;
    if (typeof idleShutdownMs !== "number") return;
    const ready = [...state.runners.values()].filter(({ phase }) => phase === "ready");
    const lately = this.#needs.most(now - idleShutdownMs);
    const ended = commands.some((command) => command._tag === "Terminate" && command.reason === "idle");
    if (ended && minIdleShutdownMs === Infinity)
      assert.ok(ready.length >= lately, `${lately} runners were needed within ${idleShutdownMs} ms`);
    if (ready.length <= Math.max(min, lately)) return;
    for (const { id, used, readySince } of ready)
      assert.ok(used > 0 || now - readySince < idleShutdownMs, `${id} is idle, and has not been needed for long`);
  }

  /** What is canceled is not needed. */
  #checkCanceled({ state, now }: RealPool, commands: ReadonlyArray<PoolCommand>): void {
    if (!commands.some(({ _tag }) => _tag === "CancelBoot")) return;
    const { min, minIdleShutdownMs } = this.bounds;
    const needed = Math.max(this.#needs.most(now), minIdleShutdownMs === Infinity ? min : 0);
    assert.ok(state.runners.alive >= needed, "no boot that is needed is canceled");
  }

  /** With no runner left, whoever waits learns why. */
  #checkBootFailure(error: unknown, waited: ReadonlyArray<number>): void {
    if (this.up.size > 0 || this.booting.size > 0) return;
    for (const waiterId of waited) {
      const refusal = this.refused.get(waiterId);
      assert.equal(refusal?.why, "boot_failed", "a failed boot reaches its waiters");
      assert.equal(refusal?.error, error, "a failed boot reaches its waiters with its cause");
    }
  }

  /** A call is on a runner that takes work, which may have been its last, and in a panic on any where no other has room. */
  #checkChoice(runnerId: string, state: PoolState): void {
    const phase = state.runners.get(runnerId)?.phase;
    if (phase === "ready" || phase === "draining") return;
    assert.ok(this.panics(state), `${runnerId}, which is ${phase}, gets a call only in a panic`);
    assert.ok(!this.#hasRoom(state, false), `${runnerId}, which is ${phase}, gets a call only when no other has room`);
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
    assert.equal(state.used, this.leases.size, "the pool counts the leases that are out");
    assert.equal(state.waiters.size, this.waiting.length, "the pool counts the calls that wait");
    assert.equal(runners.size, this.up.size + this.booting.size, "the pool counts its runners");
    for (const { id, used, phase, leaving } of runners.values()) {
      const held = this.#heldOn(id);
      assert.ok(this.up.has(id) || this.booting.has(id), `the pool knows ${id}`);
      assert.equal(used, held, `leases on ${id}`);
      assert.ok(phase !== "draining" || held > 0 || leaving, "a runner that drained is gone");
      assert.ok(this.shrunk || held <= maxConcurrency, "never more leases on a runner than its slots");
    }
    assert.ok(this.shrunk || runners.size <= max, "never more runners than max");
    if (this.closed) return assert.deepEqual(this.waiting, [], "nobody waits for a closed pool");
    const room = this.#hasRoom(state, this.panics(state));
    assert.ok(!room || this.waiting.length === 0, "no call waits beside a free slot");
    if (this.supply === "fixed" || this.bootsPaused) return;
    const full = runners.size >= max;
    assert.ok(minIdleShutdownMs < Infinity || runners.alive >= min || full, "min is held");
    const coming = (runners.count("booting") + runners.count("suspect")) * maxConcurrency;
    assert.ok(coming >= this.waiting.length || full, "every waiting call has a boot under way, or the pool is full");
  }
}
