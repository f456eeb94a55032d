/**
 * A pool: the effects around {@link PoolState}. It hands every event to the
 * state machine and carries out what that commands: leases go to the calls that
 * wait for them, everything about runners goes to the fleet.
 */
import { Effect } from "effect";
import type { CallError } from "../../contract/errors.ts";
import type { ResolvedPool } from "../../contract/resolve-config.ts";
import type { PoolSnapshot, SpanIds, Telemetry } from "../../telemetry/telemetry.ts";
import type { BootEnvironment } from "./boot.ts";
import type { LeaseKey, PoolCommand, PoolEvent } from "./events.ts";
import { Fleet } from "./fleet.ts";
import type { Lease, LeaseOwner } from "./lease.ts";
import { GrantedLease } from "./lease.ts";
import { acquireTimeout, refusal } from "./refusal.ts";
import { SlotTime } from "./slot-time.ts";
import { PoolState } from "./state.ts";

/** A call that wants a lease. */
export interface AcquireRequest {
  readonly method: string;
  /** A runner to avoid if another one can be had. */
  readonly avoid: string | undefined;
  /** The span of the call, for links from a boot that it causes. */
  readonly span: SpanIds | undefined;
  /** Called the moment a lease is granted, before anything can interrupt: from here on the call must release it. */
  readonly granted: (lease: Lease) => void;
}

interface Pending {
  readonly request: AcquireRequest;
  readonly granted: (lease: Lease) => void;
  readonly refused: (error: CallError) => void;
}

export class Pool implements LeaseOwner {
  readonly name: string;
  readonly #telemetry: Telemetry;
  readonly #state: PoolState;
  readonly #fleet: Fleet;
  readonly #pending: Map<number, Pending> = new Map();
  readonly #inbox: Array<PoolEvent> = [];
  readonly #time: SlotTime;
  readonly #unwatch: () => void;
  #stepping = false;
  #nextTicket = 1;
  #idle: Array<() => void> = [];

  constructor(config: ResolvedPool, telemetry: Telemetry, environment: BootEnvironment) {
    this.name = config.name;
    this.#telemetry = telemetry;
    this.#fleet = new Fleet(config, telemetry, environment, (event) => this.#step(event));
    this.#state = new PoolState({
      limits: config,
      ...(config.backend === undefined ? { fixedRunnerIds: config.runners.map((runner) => runner.id) } : {}),
      nameRunner: () => environment.nameRunner(config.name),
    });
    this.#time = new SlotTime(performance.now());
    this.#unwatch = telemetry.watchPool(this.name, () => this.snapshot());
    this.#step({ _tag: "Start" });
  }

  /** Most calls at a time. */
  get slotLimit(): number {
    return this.#state.limit;
  }

  /** Calls that wait. */
  get queueDepth(): number {
    return this.#state.waiters.size;
  }

  /** Whether a runner is being started. */
  get booting(): boolean {
    return this.#fleet.booting;
  }

  /** A lease if a slot is free now and nobody waits for one. */
  tryAcquire(request: AcquireRequest): Lease | CallError | undefined {
    let outcome: Lease | CallError | undefined;
    const ticket = this.#enter({
      request,
      granted: (lease) => (outcome = lease),
      refused: (error) => (outcome = error),
    });
    if (outcome === undefined) this.#leave(ticket);
    return outcome;
  }

  /** A lease as soon as there is one, and at the latest when `timeoutMs` is over. */
  acquire(request: AcquireRequest, timeoutMs: number): Effect.Effect<Lease, CallError> {
    return Effect.callback((resume) => {
      let timer: NodeJS.Timeout | undefined;
      const startedAt = performance.now();
      const ticket = this.#enter({
        request,
        granted: (lease) => {
          clearTimeout(timer);
          resume(Effect.succeed(lease));
        },
        refused: (error) => {
          clearTimeout(timer);
          resume(Effect.fail(error));
        },
      });
      if (!this.#pending.has(ticket)) return;
      timer = setTimeout(() => {
        const error = acquireTimeout(this.name, request.method, this.snapshot(), performance.now() - startedAt);
        this.#leave(ticket);
        resume(Effect.fail(error));
      }, timeoutMs);
      return Effect.sync(() => {
        clearTimeout(timer);
        this.#leave(ticket);
      });
    });
  }

  suspect(key: LeaseKey): void {
    this.#step({ _tag: "Suspected", runnerId: key.runnerId });
  }

  refused(key: LeaseKey): void {
    this.#step({ _tag: "Refused", runnerId: key.runnerId });
  }

  release(key: LeaseKey, heldMs: number): void {
    this.#telemetry.emit({ _tag: "LeaseEnded", pool: this.name, durationMs: heldMs });
    this.#step({ _tag: "Release", key });
  }

  /** The state that gauges show. */
  snapshot(): PoolSnapshot {
    this.#time.advance(performance.now(), this.#state.used, this.#state.provisioned);
    const runners = { booting: 0, idle: 0, busy: 0, draining: 0, ejected: 0 };
    for (const runner of this.#state.runners.values()) {
      if (runner.phase === "ready") runners[runner.used > 0 ? "busy" : "idle"]++;
      else if (runner.phase === "suspect") runners.ejected++;
      else runners[runner.phase]++;
    }
    return {
      pending: this.#state.waiters.size,
      runners,
      slotsUsed: this.#state.used,
      slotsProvisioned: this.#state.provisioned,
      slotsLimit: this.#state.limit,
      slotBusySeconds: this.#time.busySeconds,
      slotAvailableSeconds: this.#time.availableSeconds,
    };
  }

  /**
   * Ends the pool: waiting calls are refused at once, running ones may finish within `graceMs`, then all runners
   * that the pool started are ended.
   */
  async close(graceMs: number): Promise<void> {
    this.#step({ _tag: "Close" });
    if (this.#state.used > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#idle.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    for (const runnerId of [...this.#state.runners.keys()]) this.#step({ _tag: "Lost", runnerId, reason: "drain" });
    await this.#fleet.close();
    this.#unwatch();
  }

  #enter(pending: Pending): number {
    const ticket = this.#nextTicket++;
    this.#pending.set(ticket, pending);
    this.#step({ _tag: "Acquire", ticket, avoid: pending.request.avoid });
    return ticket;
  }

  #leave(ticket: number): void {
    if (this.#pending.delete(ticket)) this.#step({ _tag: "Abandon", ticket });
  }

  /** Takes one event after the other: what a command causes is an event of its own, taken when the command is done. */
  #step(event: PoolEvent): void {
    this.#inbox.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        const now = performance.now();
        this.#time.advance(now, this.#state.used, this.#state.provisioned);
        for (const command of this.#state.step(next)) this.#carryOut(command, now);
      }
    } finally {
      this.#stepping = false;
    }
    if (this.#state.used === 0 && this.#idle.length > 0) {
      for (const resume of this.#idle.splice(0)) resume();
    }
  }

  #carryOut(command: PoolCommand, now: number): void {
    switch (command._tag) {
      case "Grant": {
        const pending = this.#pending.get(command.ticket);
        this.#pending.delete(command.ticket);
        const runner = this.#fleet.get(command.key.runnerId);
        const lease = new GrantedLease(command.key, runner, command.source, now, this);
        if (pending === undefined) {
          lease.release();
        } else {
          pending.request.granted(lease);
          pending.granted(lease);
        }
        return;
      }
      case "Refuse": {
        const pending = this.#pending.get(command.ticket);
        this.#pending.delete(command.ticket);
        pending?.refused(refusal(this.name, pending.request.method, command));
        return;
      }
      case "Boot": {
        const asker = command.ticket === undefined ? undefined : this.#pending.get(command.ticket)?.request.span;
        return this.#fleet.boot(command.runnerId, command.reason, asker);
      }
      case "Probe":
        return this.#fleet.probe(command.runnerId, command.afterFailures);
      case "AllowBootLater":
        return this.#fleet.allowBootLater(command.failures);
      case "Terminate":
        return this.#fleet.terminate(command.runnerId, command.reason);
      case "Forsake":
        return this.#fleet.forsake(command.runnerId, command.reason);
      case "Saturated":
        this.#telemetry.emit({ _tag: "PoolSaturated", pool: this.name, pending: command.pending, limit: command.limit });
        return;
    }
  }
}
