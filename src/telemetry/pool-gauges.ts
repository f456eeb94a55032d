/**
 * The pools whose state is read when metrics are read. Pools of one name, as two
 * instances in one process may have, show as their sum; what was counted for a
 * pool is never taken back.
 */
import type { PoolSnapshot } from "./telemetry.ts";

/** What the gauges of a pool show. */
export interface PoolGauges {
  readonly pending: number;
  readonly runners: Readonly<Record<string, number>>;
  readonly slotsUsed: number;
  readonly slotsProvisioned: number;
  readonly slotsLimit: number;
}

/** Slot-seconds that were not read before. */
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

  /** Starts to watch a pool; the returned function stops it and may be called again without effect. */
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

  /** The state of every watched pool now. */
  gauges(): ReadonlyMap<string, PoolGauges> {
    return new Map(
      [...this.#pools].map(([pool, all]) => [
        pool,
        [...all].map((watched): PoolGauges => watched.snapshot()).reduce(sum),
      ]),
    );
  }

  /** Takes the slot-seconds that one counter has not seen yet, by pool. */
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
