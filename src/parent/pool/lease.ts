/** A lease: a slot on a runner, held until released. */
import type { RunnerExit } from "../../contract/config/backend.ts";
import type { AcquireSource, SpanIds, TerminationReason } from "../../telemetry/telemetry.ts";
import type { Address } from "../transport/server-address.ts";
import type { KnownInstances } from "../runner-instances.ts";
import type { LeaseKey } from "./core/events.ts";
import type { Health } from "./runners/probe.ts";
import type { SpanAccounting } from "./span-accounting.ts";

/** The runner of a lease. */
export interface LeasedRunner {
  readonly id: string;
  readonly url: string;
  /** Host and port of the URL, for spans. */
  readonly address: Address;
  /** The audience that requests to it name. */
  readonly audience: string;
  /** Its known processes, and the time by their clocks. */
  readonly instances: KnownInstances;
  /** Accounts for the spans that it recorded. */
  readonly spans: SpanAccounting;
  /** Settles when it has exited and the pool knows, if the backend reports exits. */
  readonly exited: Promise<RunnerExit> | undefined;
}

/** How long to wait for the exit event after a connection fails, in milliseconds. */
export const exitEventMs = 500;

/** How a runner exited, as its backend reports it. */
export interface LostRunner {
  /** The same in words, such as `was ended by SIGKILL`. */
  readonly how: string;
  readonly exit: RunnerExit;
}

/** Is notified when a runner is lost. */
export interface LostListener {
  /** `runner` is set if the backend has reported how the runner exited. */
  onLost(reason: TerminationReason, runner: LostRunner | undefined): void;
}

export interface Lease {
  readonly runner: LeasedRunner;
  readonly source: AcquireSource;
  /** The boot that the call waited for, when `source` is `cold`. */
  readonly boot: SpanIds | undefined;
  /** `performance.now()` when it was granted. */
  readonly grantedAt: number;
  /** Notifies the listener when the runner is lost. */
  addListener(listener: LostListener): void;
  removeListener(listener: LostListener): void;
  /** Reports that the runner responded. */
  answered(): void;
  /** Reports that the runner received the call and did not respond in time. Two such calls in a row make it suspect. */
  timedOut(): void;
  /** Reports that a connection to the runner failed. */
  suspect(): void;
  /** Reports that the runner rejected the call; `draining` if it is stopping. */
  refused(draining: boolean): void;
  /** Returns the slot. Further calls have no effect. */
  release(): void;
}

/** A call that needs a lease. */
export interface AcquireRequest {
  readonly method: string;
  /** `performance.now()` at which the time of the call is over. */
  readonly deadlineAt: number;
  /** The span of the call, for links from a boot that it causes. */
  readonly span: SpanIds | undefined;
  /** Set the moment a lease is granted, before anything can interrupt. From then on the call must release it. */
  lease: Lease | undefined;
}

/** A runner as the shell of the pool knows it. */
export interface PooledRunner extends LeasedRunner {
  /** The span of its boot. */
  readonly boot: SpanIds | undefined;
  /** Notified when it is lost. */
  readonly listeners: Set<LostListener>;
  readonly terminate: () => Promise<unknown>;
  /** The health check of the backend; `undefined` if it has none. */
  readonly healthCheck: (() => Promise<Health | undefined>) | undefined;
  /** Whether it has responded to a call since the last health check. */
  answered: boolean;
  /** Calls in a row that it did not respond to in time. */
  timeouts: number;
  /** `performance.now()` when the pool gave it up, and with it the slots of its leases. */
  lostAt: number | undefined;
}

/** Calls in a row without a response after which a runner is suspect. */
const timeoutsToSuspect = 2;

/** What a lease reports to the pool that granted it. */
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

  addListener(listener: LostListener): void {
    this.runner.listeners.add(listener);
  }

  removeListener(listener: LostListener): void {
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
