/**
 * The pool as a state machine: it receives events with their time, and returns commands. It has no clock, no timers and
 * no I/O, so every rule can be tested on its own. {@link PoolState.step} changes the state in place, because a copy per
 * call would cost more than the call, but depends on nothing except its events.
 */
import type { LeaseKey, PoolCommand, PoolEvent, RefusalReason, RunnerPreference } from "./events.ts";
import { type RunnerRecord, chooseRunner } from "./routing.ts";
import type { Commands } from "./runner-lifecycle.ts";
import { PoolSizing } from "./sizing.ts";
import { type ProbeFinding, nextHealthState } from "./health.ts";

/** Minimum number of calls for an estimate. */
const minSamples = 20;

/** Weight of the newest call in the moving average. */
const alpha = 0.1;

/**
 * Estimates how long a call would wait in the queue, from how long slots were held recently. The pool rejects only
 * calls whose deadline is far too short.
 */
export class WaitEstimate {
  #meanMs = 0;
  #seen = 0;

  /** Records how long a slot was held. */
  learn(heldMs: number): void {
    this.#seen++;
    this.#meanMs += (heldMs - this.#meanMs) * (this.#seen < minSamples ? 1 / this.#seen : alpha);
  }

  /** Milliseconds until the last of `waiting` calls gets one of `slots`; `undefined` with too few samples. */
  expectedMs(waiting: number, slots: number): number | undefined {
    return this.#seen < minSamples ? undefined : (this.#meanMs * (waiting + 1)) / slots;
  }

  /** Whether a call behind `waiting` others would wait more than twice the time that it has. */
  exceeds(waiting: number, slots: number, remainingMs: number): boolean {
    const expected = this.expectedMs(waiting, slots);
    return expected !== undefined && expected > remainingMs * 2;
  }
}

/** Detects saturation: once, until no call waits and a fifth of the slots is free again. */
export class Saturation {
  /** Whether the pool is saturated. */
  on = false;

  /** Whether saturation has just begun. */
  begins(waiting: number, used: number, limit: number): boolean {
    if (waiting > 0 && used >= limit) {
      const begun = !this.on;
      this.on = true;
      return begun;
    }
    if (waiting === 0 && used <= limit * 0.8) this.on = false;
    return false;
  }
}

export class PoolState extends PoolSizing {
  readonly #wait = new WaitEstimate();
  readonly #saturation = new Saturation();
  /** Whether the pool is shut down. */
  closed = false;

  /** Processes an event that happened at `now`. Returns commands, in order. */
  step(event: PoolEvent, now: number): ReadonlyArray<PoolCommand> {
    this.now = now;
    const commands: Commands = [];
    this.#apply(event, commands);
    if (this.closed) return commands;
    this.scale(commands);
    const mayChange = this.waiters.size > 0 || this.#saturation.on;
    if (mayChange && this.#saturation.begins(this.waiters.size, this.used, this.limit)) {
      commands.push({ _tag: "Saturated", pending: this.waiters.size, limit: this.limit });
    }
    return commands;
  }

  #apply(event: PoolEvent, commands: Commands): void {
    switch (event._tag) {
      case "Acquire":
        return this.#acquire(event.waiterId, event.preference, event.remainingMs, commands);
      case "Abandon":
        this.waiters.delete(event.waiterId);
        return;
      case "Release":
        return this.#release(event.key, event.heldMs, commands);
      case "BootSucceeded":
        return this.#bootSucceeded(event.runnerId, commands);
      case "BootFailed":
        return this.#bootFailed(event.runnerId, event.error, commands);
      case "BootAllowed":
        this.boots.open = true;
        return;
      case "Suspected":
        return this.#suspected(event.runnerId, commands);
      case "Refused":
        return this.#refused(event.runnerId, event.draining, commands);
      case "Silent":
        return this.#silent(event.runnerId, commands);
      case "ProbeEnded":
        return this.#probeEnded(event.runnerId, event, commands);
      case "Lost":
        return this.lost(event.runnerId, event.reason, commands);
      case "Update":
        this.bounds = event.bounds;
        return this.#assignSlots(commands);
      case "Tick":
        return this.tick(commands);
      case "Close":
        return this.#close(commands);
    }
  }

  #acquire(waiterId: number, preference: RunnerPreference, remainingMs: number, commands: Commands): void {
    if (this.closed) return this.#refuse(waiterId, "closed", commands);
    if (this.supply === "fixed" && this.runners.size === 0) return this.#refuse(waiterId, "no_runner", commands);
    this.asleep = false;
    const runner = this.waiters.size === 0 ? this.#choose(preference) : undefined;
    if (runner !== undefined) return this.#grant(waiterId, runner, "warm", commands);
    if (this.waiters.size >= this.bounds.maxQueue) return this.#refuse(waiterId, "queue_full", commands);
    if (this.used >= this.limit && this.#wait.exceeds(this.waiters.size, this.limit, remainingMs)) {
      return this.#refuse(waiterId, "deadline_unreachable", commands);
    }
    this.waiters.set(waiterId, { waiterId, preference });
  }

  #refuse(waiterId: number, why: RefusalReason, commands: Commands): void {
    commands.push({
      _tag: "Refuse",
      waiterId,
      why,
      expectedWaitMs: this.#wait.expectedMs(this.waiters.size, this.limit),
    });
  }

  #choose(preference: RunnerPreference): RunnerRecord | undefined {
    const { maxConcurrency, routing } = this.bounds;
    const insist = this.supply === "fixed" && this.panics;
    return chooseRunner(this.runners, { slots: maxConcurrency, order: routing, insist }, preference);
  }

  #grant(waiterId: number, runner: RunnerRecord, source: "warm" | "queued" | "cold", commands: Commands): void {
    commands.push({ _tag: "Grant", waiterId, key: this.leases.take(runner), source });
    if (runner.served >= this.bounds.maxCalls) this.retire(runner, "recycled", commands);
  }

  /**
   * Assigns free slots to waiting calls, first come, first served. A call on the runner that has just booted waited for
   * its boot.
   */
  #assignSlots(commands: Commands, booted?: RunnerRecord): void {
    for (let waitingCall = this.waiters.first(); waitingCall !== undefined; waitingCall = this.waiters.first()) {
      const runner = this.#choose(waitingCall.preference);
      if (runner === undefined) return;
      this.waiters.delete(waitingCall.waiterId);
      this.#grant(waitingCall.waiterId, runner, runner === booted ? "cold" : "queued", commands);
    }
  }

  #release(key: LeaseKey, heldMs: number, commands: Commands): void {
    const runner = this.runners.get(key.runnerId);
    if (!this.leases.giveBack(key, runner)) return;
    this.#wait.learn(heldMs);
    this.busyAt = this.now;
    if (runner === undefined) return;
    this.boots.served();
    if (runner.used === 0) runner.idleSince = this.now;
    if (runner.phase !== "draining" || runner.used > 0) {
      if (this.waiters.size > 0) this.#assignSlots(commands);
      return;
    }
    if (!runner.leaving) this.remove(runner, runner.drainReason ?? "drain", commands);
  }

  #bootSucceeded(runnerId: string, commands: Commands): void {
    const runner = this.runners.get(runnerId);
    if (runner?.phase !== "booting") return;
    this.patience.booted(this.now - runner.readySince);
    runner.phase = "ready";
    runner.readySince = this.now;
    runner.idleSince = this.now;
    this.#assignSlots(commands, runner);
  }

  #bootFailed(runnerId: string, error: unknown, commands: Commands): void {
    const runner = this.runners.get(runnerId);
    if (runner?.phase !== "booting") return;
    this.runners.delete(runnerId);
    commands.push(this.boots.fail(error));
    if (this.runners.size > 0) return;
    for (const waitingCall of this.waiters.drain()) {
      commands.push({ _tag: "Refuse", waiterId: waitingCall.waiterId, why: "boot_failed", error });
    }
  }

  #suspected(runnerId: string, commands: Commands): void {
    const runner = this.runners.get(runnerId);
    if (runner?.phase !== "ready") return;
    runner.phase = "suspect";
    commands.push({ _tag: "Probe", runnerId, afterFailures: 0 });
    this.#assignSlots(commands);
  }

  /** A fixed runner gets no calls until it responds again. A draining runner of a backend exits by itself. */
  #refused(runnerId: string, draining: boolean, commands: Commands): void {
    if (this.supply === "fixed") return this.#suspected(runnerId, commands);
    const runner = this.runners.get(runnerId);
    if (!draining || runner === undefined || runner.leaving) return;
    runner.leaving = true;
    if (runner.phase !== "draining") this.drain(runner, "drain", commands);
    commands.push({ _tag: "AwaitEnd", runnerId });
  }

  /** A stopping runner without calls is lost when it is silent. One with calls may only be busy. */
  #silent(runnerId: string, commands: Commands): void {
    const runner = this.runners.get(runnerId);
    if (runner?.leaving !== true) return;
    if (runner.used === 0) this.lost(runnerId, "drain", commands);
    else commands.push({ _tag: "AwaitEnd", runnerId });
  }

  #probeEnded(runnerId: string, finding: ProbeFinding, commands: Commands): void {
    const runner = this.runners.get(runnerId);
    if (runner === undefined) return;
    switch (nextHealthState(runner, finding, this.bounds, this.supply === "elastic")) {
      case "keep":
        return;
      case "recycle":
        return this.retire(runner, "recycled", commands);
      case "suspect":
        return this.#suspected(runnerId, commands);
      case "end":
        return this.lost(runnerId, "unhealthy", commands);
      case "readmit":
        runner.probeFailures = 0;
        runner.phase = "ready";
        return this.#assignSlots(commands);
      case "eject":
        runner.phase = "ejected";
        commands.push({ _tag: "Probe", runnerId, afterFailures: ++runner.probeFailures });
    }
  }

  #close(commands: Commands): void {
    if (this.closed) return;
    this.closed = true;
    for (const waitingCall of this.waiters.drain()) this.#refuse(waitingCall.waiterId, "closed", commands);
    for (const runner of [...this.runners.values()]) {
      if (runner.used === 0) {
        this.remove(runner, "drain", commands);
      } else {
        runner.phase = "draining";
        runner.drainSince = this.now;
        runner.drainReason = "drain";
      }
    }
  }
}
