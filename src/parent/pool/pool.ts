/**
 * A pool: the shell around the pure {@link PoolState}. It passes every event to the state machine and executes the
 * commands that it returns: leases go to waiting calls, and the runner manager boots and terminates runners.
 */
import * as Effect from "effect/Effect";
import type { CallError } from "../../contract/errors.ts";
import { maxTimerMs } from "../../contract/validation/check-number.ts";
import { readPart } from "../../contract/validation/option-schema.ts";
import type { PoolUpdate } from "../../contract/config/options.ts";
import { poolUpdateSchema } from "../../contract/config/pool-schema.ts";
import { type ResolvedPool, resolveBounds } from "../../contract/config/resolve-pool.ts";
import { reactive } from "../../contract/config/scaling.ts";
import type { PoolSnapshot, SpanIds, Telemetry } from "../../telemetry/telemetry.ts";
import type { BootEnvironment } from "./runners/boot.ts";
import type { LeaseKey, PoolCommand, PoolEvent, RunnerPreference } from "./core/events.ts";
import { RunnerManager } from "./runners/runner-manager.ts";
import { type AcquireRequest, GrantedLease, type LeaseOwner } from "./lease.ts";
import { type PoolHandle, type PoolStats, statsOf } from "./stats.ts";
import { decisionFallbacks, PoolHooks } from "./hooks.ts";
import type { Situation } from "./core/obstacle.ts";
import { acquireTimeout, queueWaitExceeded, refusal } from "./acquire-errors.ts";
import { PoolState } from "./core/state.ts";
import type { PoolBounds } from "../../contract/config/pool-bounds.ts";

/** Interval between two ticks, in milliseconds: a quarter of the shortest relevant timeout, from 20 to 1,000. */
const tickMs = ({ idleShutdownMs, minIdleShutdownMs, maxAgeMs, drainTimeoutMs }: PoolBounds): number => {
  const idleMs = typeof idleShutdownMs === "number" ? idleShutdownMs : 1_000;
  return Math.min(1_000, Math.max(20, Math.min(idleMs, minIdleShutdownMs, maxAgeMs, drainTimeoutMs) / 4));
};

/** Calls `run` periodically, as often as the timeouts of the pool require. */
export class TickTimer {
  readonly #run: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(run: () => void) {
    this.#run = run;
  }

  /** Starts, or restarts with new bounds. Does not keep the process alive. */
  start(bounds: PoolBounds): void {
    this.stop();
    this.#timer = setInterval(this.#run, tickMs(bounds)).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Sums up slot-seconds, used and available, so that utilization needs no sampling. */
export class SlotTime {
  #since: number;
  busySeconds = 0;
  availableSeconds = 0;

  constructor(nowMs: number) {
    this.#since = nowMs;
  }

  /** Counts the time since the last call, during which this many slots were used and provisioned. */
  advance(nowMs: number, used: number, provisioned: number): void {
    const seconds = (nowMs - this.#since) / 1000;
    this.#since = nowMs;
    this.busySeconds += used * seconds;
    this.availableSeconds += Math.max(used, provisioned) * seconds;
  }
}

/** A request that waits for the decision of the pool. */
interface PendingRequest {
  readonly request: AcquireRequest;
  readonly preference: RunnerPreference;
  /** Set once the pool has decided. */
  outcome: GrantedLease | CallError | undefined;
  /** Called with the outcome. `undefined` where the caller reads {@link outcome} at once. */
  readonly onOutcome: ((outcome: GrantedLease | CallError) => void) | undefined;
}

/** Maximum number of links from a waiting call to boots, and to calls that hold slots. */
const maxLinks = 8;

export class Pool implements LeaseOwner, PoolHandle {
  readonly name: string;
  readonly #config: ResolvedPool;
  readonly #telemetry: Telemetry;
  readonly #hooks: PoolHooks;
  readonly #state: PoolState;
  readonly #runners: RunnerManager;
  readonly #pending: Map<number, PendingRequest> = new Map();
  /** The spans of the calls that hold leases, by lease and oldest first, for links from calls that wait. */
  readonly #holders: Map<number, SpanIds> = new Map();
  readonly #inbox: Array<{ readonly event: PoolEvent; readonly at: number }> = [];
  readonly #time: SlotTime;
  readonly #unwatch: () => void;
  readonly #ticker = new TickTimer(() => this.#step({ _tag: "Tick" }));
  #maxQueueWaitMs: number;
  #changes: PoolUpdate = {};
  #stepping = false;
  #nextWaiterId = 1;
  #idle: Array<() => void> = [];

  constructor(config: ResolvedPool, telemetry: Telemetry, environment: BootEnvironment) {
    this.name = config.name;
    this.#config = config;
    this.#maxQueueWaitMs = config.maxQueueWaitMs;
    this.#telemetry = telemetry;
    this.#hooks = new PoolHooks(config, telemetry);
    this.#runners = new RunnerManager(config, telemetry, environment, this.#hooks, (event) => this.#step(event));
    const fixed = config.backend === undefined ? config.runners.map((runner) => runner.id) : undefined;
    this.#state = new PoolState(config.bounds, () => environment.nameRunner(config.name), fixed);
    this.#time = new SlotTime(performance.now());
    this.#unwatch = telemetry.watchPool(this.name, () => this.snapshot());
    this.#ticker.start(config.bounds);
    this.#step({ _tag: "Tick" });
  }

  /** Maximum number of concurrent calls. */
  get slotLimit(): number {
    return this.#state.limit;
  }

  /** Number of waiting calls. */
  get queueDepth(): number {
    return this.#state.waiters.size;
  }

  get booting(): boolean {
    return this.#runners.booting;
  }

  /** What a waiting call waits for: boots in progress, and calls that hold slots. At most {@link maxLinks} of each. */
  obstacles(): ReadonlyArray<SpanIds> {
    return [...this.#runners.bootSpans.slice(0, maxLinks), ...[...this.#holders.values()].slice(0, maxLinks)];
  }

  /**
   * A lease if a slot is free and no call waits, the error of a rejected call, or `undefined` if the call has to wait.
   */
  tryAcquire(request: AcquireRequest, preference: RunnerPreference): GrantedLease | CallError | undefined {
    const pending: PendingRequest = { request, preference, outcome: undefined, onOutcome: undefined };
    const waiterId = this.#enter(pending);
    if (pending.outcome === undefined) this.#leave(waiterId);
    return pending.outcome;
  }

  /** A lease as soon as there is one. Fails when the deadline of the call or `maxQueueWaitMs` has passed. */
  acquire(request: AcquireRequest, preference: RunnerPreference): Effect.Effect<GrantedLease, CallError> {
    const startedAt = performance.now();
    const remainingMs = Math.max(0, request.deadlineAt - startedAt);
    const [waitMs, timedOut] =
      this.#maxQueueWaitMs < remainingMs ? [this.#maxQueueWaitMs, queueWaitExceeded] : [remainingMs, acquireTimeout];
    return Effect.callback((resume) => {
      let timer: NodeJS.Timeout | undefined;
      const waiterId = this.#enter({
        request,
        preference,
        outcome: undefined,
        onOutcome: (outcome) => {
          clearTimeout(timer);
          resume(outcome instanceof GrantedLease ? Effect.succeed(outcome) : Effect.fail(outcome));
        },
      });
      if (!this.#pending.has(waiterId)) return;
      timer = setTimeout(
        () => {
          const error = timedOut(this.name, request.method, this.#situation(), performance.now() - startedAt);
          this.#leave(waiterId);
          resume(Effect.fail(error));
        },
        Math.min(waitMs, maxTimerMs),
      );
      return Effect.sync(() => {
        clearTimeout(timer);
        this.#leave(waiterId);
      });
    });
  }

  update(given: PoolUpdate): void {
    const at = `pools.${this.name}`;
    const changes = { ...this.#changes, ...readPart(poolUpdateSchema, given, at) };
    const merged = { ...this.#config.given, ...changes };
    const bounds = resolveBounds(at, merged, this.#config.runners.length);
    this.#changes = changes;
    this.#maxQueueWaitMs = merged.maxQueueWaitMs ?? Infinity;
    this.#ticker.start(bounds);
    this.#runners.maxRssBytes = bounds.maxRssBytes;
    this.#step({ _tag: "Update", bounds });
  }

  stats(): PoolStats {
    return statsOf(this.snapshot(), this.#state.bounds, this.#state.scaler.decision);
  }

  suspect(key: LeaseKey): void {
    this.#step({ _tag: "Suspected", runnerId: key.runnerId });
  }

  refused(key: LeaseKey, draining: boolean): void {
    this.#step({ _tag: "Refused", runnerId: key.runnerId, draining });
  }

  /** A link reports that a runner is stopping, or that the link to it was lost. */
  onLinkEvent(url: string, event: "draining" | "lost"): void {
    for (const runnerId of this.#runners.at(url)) {
      this.#step(event === "lost" ? { _tag: "Suspected", runnerId } : { _tag: "Refused", runnerId, draining: true });
    }
  }

  release(key: LeaseKey, grantedAt: number, lostAt: number | undefined): void {
    const now = performance.now();
    const heldMs = (lostAt ?? now) - grantedAt;
    this.#telemetry.emit({ _tag: "LeaseEnded", pool: this.name, durationMs: heldMs });
    this.#holders.delete(key.lease);
    this.#step({ _tag: "Release", key, heldMs }, now);
  }

  /** The state for gauges. */
  snapshot(): PoolSnapshot {
    this.#time.advance(performance.now(), this.#state.used, this.#state.provisioned);
    return {
      pending: this.#state.waiters.size,
      runners: this.#state.runners.states,
      slotsUsed: this.#state.used,
      slotsProvisioned: this.#state.provisioned,
      slotsLimit: this.#state.limit,
      slotBusySeconds: this.#time.busySeconds,
      slotAvailableSeconds: this.#time.availableSeconds,
    };
  }

  /**
   * Shuts the pool down: rejects waiting calls at once, waits up to `graceMs` milliseconds for running calls, then
   * terminates the runners that it started.
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
    this.#ticker.stop();
    await this.#runners.close();
    this.#unwatch();
  }

  /** Why a call gets no slot. */
  #situation(): Situation {
    const { supply, bounds, bootFailure, scaler } = this.#state;
    return {
      ...this.snapshot(),
      supply,
      max: bounds.max,
      maxConcurrency: bounds.maxConcurrency,
      bootingMs: this.#runners.bootingMs,
      bootFailure,
      policyReason: bounds.scaling === reactive ? undefined : scaler.decision.reason,
    };
  }

  #enter(pending: PendingRequest): number {
    const waiterId = this.#nextWaiterId++;
    this.#pending.set(waiterId, pending);
    const { preference, request } = pending;
    const remainingMs = Math.max(0, request.deadlineAt - performance.now());
    this.#step({ _tag: "Acquire", waiterId, preference, remainingMs });
    return waiterId;
  }

  #leave(waiterId: number): void {
    if (this.#pending.delete(waiterId)) this.#step({ _tag: "Abandon", waiterId });
  }

  /**
   * Processes one event at a time. An event that a command causes is processed after that command. Each event has one
   * time, `at`, so that the durations of leases add up to the slot-seconds.
   */
  #step(event: PoolEvent, at = performance.now()): void {
    this.#inbox.push({ event, at });
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        const { leases, runners, bounds } = this.#state;
        this.#time.advance(next.at, leases.size, runners.tally().ready * bounds.maxConcurrency);
        for (const command of this.#state.step(next.event, next.at)) this.#execute(command, next.at);
      }
    } finally {
      this.#stepping = false;
    }
    if (this.#idle.length > 0 && this.#state.used === 0) {
      for (const resume of this.#idle.splice(0)) resume();
    }
  }

  #execute(command: PoolCommand, now: number): void {
    switch (command._tag) {
      case "Grant": {
        const pending = this.#pending.get(command.waiterId);
        this.#pending.delete(command.waiterId);
        const { lease: id, runnerId } = command.key;
        const lease = new GrantedLease(command.key, this.#runners.get(runnerId), command.source, now, this);
        if (pending === undefined) return lease.release();
        const { request } = pending;
        if (request.span !== undefined) this.#holders.set(id, request.span);
        request.lease = lease;
        pending.outcome = lease;
        pending.onOutcome?.(lease);
        return;
      }
      case "Refuse": {
        const pending = this.#pending.get(command.waiterId);
        this.#pending.delete(command.waiterId);
        if (pending === undefined) return;
        pending.outcome = refusal(this.name, pending.request.method, this.#situation(), command);
        pending.onOutcome?.(pending.outcome);
        return;
      }
      case "Boot": {
        const requestedBy =
          command.waiterId === undefined ? undefined : this.#pending.get(command.waiterId)?.request.span;
        return this.#runners.boot(command.runnerId, command.reason, requestedBy);
      }
      case "CancelBoot":
        return void this.#runners.cancelBoot(command.runnerId, "the runner is no longer needed");
      case "ScheduleTick":
        return this.#runners.scheduleTick(command.afterMs);
      case "Misbehaved":
        return this.#hooks.misbehaved(command.name, command.fault, decisionFallbacks[command.name]);
      case "Probe":
        return this.#runners.probe(command.runnerId, command.afterFailures);
      case "AwaitEnd":
        return this.#runners.awaitEnd(command.runnerId);
      case "AllowBootLater":
        return this.#runners.allowBootLater(command.failures);
      case "Terminate":
        return this.#runners.terminate(command.runnerId, command.reason);
      case "FailCalls":
        return this.#runners.failCalls(command.runnerId, command.reason, now);
      case "Draining":
        return this.#runners.draining(command.runnerId, command.reason);
      case "Scaled":
        return this.#hooks.scaled(command.from, command.to, command.reason);
      case "Saturated":
        return this.#hooks.saturated(command.pending, command.limit);
    }
  }
}
