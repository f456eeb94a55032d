/**
 * Reads the state of pools when metrics are read. Pools with the same name, as two instances in one process may have,
 * are summed. Counters never decrease when a pool goes away.
 */
import type { PoolSnapshot } from "./telemetry.ts";

/** The gauge values of a pool. */
export interface PoolGauges {
  readonly pending: number;
  readonly runners: Readonly<Record<string, number>>;
  readonly slotsUsed: number;
  readonly slotsProvisioned: number;
  readonly slotsLimit: number;
}

/** Slot-seconds that have not been read yet. */
export interface SlotSeconds {
  readonly busy: number;
  readonly available: number;
}

interface Watched {
  readonly snapshot: () => PoolSnapshot;
  busySeconds: number;
  availableSeconds: number;
}

const sum = (left: PoolGauges, right: PoolGauges): PoolGauges => ({
  pending: left.pending + right.pending,
  runners: Object.fromEntries(
    Object.entries(left.runners).map(([state, count]) => [state, count + (right.runners[state] ?? 0)]),
  ),
  slotsUsed: left.slotsUsed + right.slotsUsed,
  slotsProvisioned: left.slotsProvisioned + right.slotsProvisioned,
  slotsLimit: left.slotsLimit + right.slotsLimit,
});

/** The watched pools of one registry. */
export class PoolWatch {
  readonly #pools = new Map<string, Set<Watched>>();
  readonly #unread = new Map<string, { busy: number; available: number }>();

  /** Starts to watch a pool. The returned function stops it; calling it again has no effect. */
  watch(pool: string, snapshot: () => PoolSnapshot): () => void {
    const watched: Watched = { snapshot, busySeconds: 0, availableSeconds: 0 };
    const all = this.#pools.get(pool) ?? new Set();
    this.#pools.set(pool, all.add(watched));
    return () => {
      if (!all.has(watched)) return;
      this.#read(pool, watched);
      all.delete(watched);
      if (all.size === 0) this.#pools.delete(pool);
    };
  }

  has(pool: string): boolean {
    return this.#pools.has(pool);
  }

  /** Returns the current state of every watched pool. */
  gauges(): ReadonlyMap<string, PoolGauges> {
    return new Map(
      [...this.#pools].map(([pool, all]) => [
        pool,
        [...all].map((watched): PoolGauges => watched.snapshot()).reduce(sum),
      ]),
    );
  }

  /** Returns the slot-seconds of each pool since the last call for this counter. */
  takeSeconds(kind: keyof SlotSeconds): ReadonlyMap<string, number> {
    for (const [pool, all] of this.#pools) for (const watched of all) this.#read(pool, watched);
    const taken = new Map<string, number>();
    for (const [pool, unread] of this.#unread) {
      taken.set(pool, unread[kind]);
      unread[kind] = 0;
    }
    return taken;
  }

  #read(pool: string, watched: Watched): void {
    const { slotBusySeconds, slotAvailableSeconds } = watched.snapshot();
    const unread = this.#unread.get(pool) ?? { busy: 0, available: 0 };
    this.#unread.set(pool, unread);
    unread.busy += Math.max(0, slotBusySeconds - watched.busySeconds);
    unread.available += Math.max(0, slotAvailableSeconds - watched.availableSeconds);
    watched.busySeconds = Math.max(watched.busySeconds, slotBusySeconds);
    watched.availableSeconds = Math.max(watched.availableSeconds, slotAvailableSeconds);
  }
}
