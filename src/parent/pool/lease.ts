/** A lease: a slot on a runner, held until released. */
import type { AcquireSource, SpanIds, TerminationReason } from "../../telemetry/telemetry.ts";

/** A runner that a lease leads to. */
export interface LeasedRunner {
  readonly id: string;
  readonly url: string;
  /** What requests to it name as their audience. */
  readonly audience: string;
}

export interface Lease {
  readonly runner: LeasedRunner;
  readonly source: AcquireSource;
  /** The boot that the call waited for, when `source` is `cold`. */
  readonly boot: SpanIds | undefined;
  /** Calls back when the runner is lost while the lease is held; gives a function that stops listening. */
  onLost(listener: (reason: TerminationReason) => void): () => void;
  /** Says that a connection to the runner failed. */
  suspect(): void;
  /** Gives the slot back. Later calls do nothing. */
  release(): void;
}

/** A runner as the pool's effects know it. */
export interface PooledRunner extends LeasedRunner {
  /** The span of its boot. */
  readonly boot: SpanIds | undefined;
  /** Settles when it has ended, where the backend can tell. */
  readonly exited: Promise<void> | undefined;
  /** Who wants to know when it is lost. */
  readonly listeners: Set<(reason: TerminationReason) => void>;
  readonly terminate: () => Promise<unknown>;
  readonly healthCheck: (() => Promise<boolean>) | undefined;
}

/** What a lease tells the pool that granted it. */
export interface LeaseOwner {
  suspect(): void;
  release(heldMs: number): void;
}

/** A lease that started at `grantedAt`, by `performance.now()`. */
export const makeLease = (runner: PooledRunner, source: AcquireSource, grantedAt: number, owner: LeaseOwner): Lease => {
  let held = true;
  return {
    runner,
    source,
    boot: source === "cold" ? runner.boot : undefined,
    onLost: (listener) => {
      runner.listeners.add(listener);
      return () => runner.listeners.delete(listener);
    },
    suspect: () => owner.suspect(),
    release: () => {
      if (!held) return;
      held = false;
      owner.release(performance.now() - grantedAt);
    },
  };
};
