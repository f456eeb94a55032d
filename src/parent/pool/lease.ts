/** A lease: a slot on a runner, held until released. */
import type { RunnerExit } from "../../contract/config/backend.ts";
import type { AcquireSource, SpanIds, TerminationReason } from "../../telemetry/telemetry.ts";
import type { KnownInstances } from "../runner-instances.ts";
import type { LeaseKey } from "./core/events.ts";
import type { Health } from "./runners/probe.ts";
import type { SpanAccounting } from "./span-accounting.ts";

/** A runner that a lease leads to. */
export interface LeasedRunner {
  readonly id: string;
  readonly url: string;
  /** What requests to it name as their audience. */
  readonly audience: string;
  /** Which of its processes are known, and the time by their clocks. */
  readonly instances: KnownInstances;
  /** What became of the spans that it recorded. */
  readonly spans: SpanAccounting;
  /** Settles when it has ended and the pool knows, where the backend can tell. */
  readonly exited: Promise<RunnerExit> | undefined;
}

/** How long to wait for the exit event after a connection fails, in milliseconds. */
export const exitNewsMs = 500;

/** How a runner ended, as its backend tells. */
export interface LostRunner {
  /** The same for a person, such as `was ended by SIGKILL`. */
  readonly how: string;
  readonly exit: RunnerExit;
}

/** Wants to know when a runner is lost. */
export interface LostListener {
  /** `runner` is there when its backend has told how it ended. */
  lost(reason: TerminationReason, runner: LostRunner | undefined): void;
}

export interface Lease {
  readonly runner: LeasedRunner;
  readonly source: AcquireSource;
  /** The boot that the call waited for, when `source` is `cold`. */
  readonly boot: SpanIds | undefined;
  /** `performance.now()` when it was granted. */
  readonly grantedAt: number;
  /** Tells the listener when the runner is lost. */
  onLost(listener: LostListener): void;
  /** Tells the listener nothing any more. */
  forget(listener: LostListener): void;
  /** Says that the runner answered. */
  answered(): void;
  /** Says that the runner had the call and did not answer in time. Two such calls in a row make it suspect. */
  timedOut(): void;
  /** Says that a connection to the runner failed. */
  suspect(): void;
  /** Says that the runner took the call no more; when it is `draining`, because it stops. */
  refused(draining: boolean): void;
  /** Gives the slot back. Later calls do nothing. */
  release(): void;
}

/** A runner as the pool's effects know it. */
export interface PooledRunner extends LeasedRunner {
  /** The span of its boot. */
  readonly boot: SpanIds | undefined;
  /** Who wants to know when it is lost. */
  readonly listeners: Set<LostListener>;
  readonly terminate: () => Promise<unknown>;
  /** What the backend says of its health; `undefined` where it says nothing. */
  readonly healthCheck: (() => Promise<Health | undefined>) | undefined;
  /** Whether it has answered a call since the last look at it. */
  answered: boolean;
  /** Calls in a row that it did not answer in time. */
  timeouts: number;
  /** `performance.now()` when the pool gave it up, and with it the slots of its leases. */
  lostAt: number | undefined;
}

/** Calls in a row that a runner may leave without an answer before it is looked at. */
const timeoutsToSuspect = 2;

/** What a lease tells the pool that granted it. */
export interface LeaseOwner {
  suspect(key: LeaseKey): void;
  refused(key: LeaseKey, draining: boolean): void;
  /** Takes a slot back that was granted at `grantedAt`, and that the pool itself gave up at `lostAt` if its runner was lost. */
  release(key: LeaseKey, grantedAt: number, lostAt: number | undefined): void;
}

/** A lease that a pool has granted. */
export class GrantedLease implements Lease {
  readonly runner: PooledRunner;
  readonly source: AcquireSource;
  readonly #key: LeaseKey;
  readonly grantedAt: number;
  readonly #owner: LeaseOwner;
  #held = true;

  constructor(key: LeaseKey, runner: PooledRunner, source: AcquireSource, grantedAt: number, owner: LeaseOwner) {
    this.#key = key;
    this.runner = runner;
    this.source = source;
    this.grantedAt = grantedAt;
    this.#owner = owner;
  }

  get boot(): SpanIds | undefined {
    return this.source === "cold" ? this.runner.boot : undefined;
  }

  onLost(listener: LostListener): void {
    this.runner.listeners.add(listener);
  }

  forget(listener: LostListener): void {
    this.runner.listeners.delete(listener);
  }

  answered(): void {
    this.runner.answered = true;
    this.runner.timeouts = 0;
  }

  timedOut(): void {
    if (++this.runner.timeouts >= timeoutsToSuspect) this.suspect();
  }

  suspect(): void {
    this.#owner.suspect(this.#key);
  }

  refused(draining: boolean): void {
    this.#owner.refused(this.#key, draining);
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#owner.release(this.#key, this.grantedAt, this.runner.lostAt);
  }
}
