/**
 * Stores the results of idempotency keys in the memory of this process, within limits. At a limit the oldest result is
 * evicted: rejecting all calls with a key would be worse. Keys of running executions are never evicted. Pure: the clock
 * is a parameter.
 */
import type { IdempotencyClaim, IdempotencyState, IdempotencyStore } from "../../contract/config/idempotency.ts";

export interface MemoryStoreOptions {
  /** Maximum number of results. */
  readonly maxEntries: number;
  /** Maximum size of keys and results, in bytes. The newest result is stored whatever its size. */
  readonly maxBytes: number;
  /** A monotonic clock, in milliseconds. Default: `performance.now`. */
  readonly now?: () => number;
  /** Called for each result that is evicted before it expires. */
  readonly onEvicted?: () => void;
}

/** The store, and its size. */
export interface MemoryStore extends IdempotencyStore {
  begin(claim: IdempotencyClaim, leaseMs: number): IdempotencyState;
  readonly size: number;
  readonly bytes: number;
}

interface Running {
  readonly claim: IdempotencyClaim;
  expiresAt: number;
}

interface Done {
  readonly fingerprint: string;
  readonly reply: string;
  readonly bytes: number;
  readonly expiresAt: number;
}

export const makeMemoryStore = (options: MemoryStoreOptions): MemoryStore => {
  const { maxEntries, maxBytes, now = () => performance.now(), onEvicted } = options;
  const running = new Map<string, Running>();
  /** In the order in which they were completed. */
  const done = new Map<string, Done>();
  let bytes = 0;

  const forget = (key: string, entry: Done): void => {
    done.delete(key);
    bytes -= entry.bytes;
  };

  const makeRoom = (): void => {
    const time = now();
    for (const [key, entry] of done) {
      const expired = entry.expiresAt <= time;
      const over = done.size > maxEntries || (bytes > maxBytes && done.size > 1);
      if (!expired && !over) return;
      forget(key, entry);
      if (!expired) onEvicted?.();
    }
  };

  const live = (key: string): Running | undefined => {
    const entry = running.get(key);
    return entry !== undefined && entry.expiresAt > now() ? entry : undefined;
  };

  const sameFingerprint = (one: string, other: string, state: IdempotencyState): IdempotencyState =>
    one === other ? state : { state: "conflict" };

  return {
    begin: (claim, leaseMs) => {
      makeRoom();
      const { key, fingerprint } = claim;
      const kept = done.get(key);
      if (kept !== undefined) {
        if (kept.expiresAt > now()) {
          return sameFingerprint(kept.fingerprint, fingerprint, { state: "done", reply: kept.reply });
        }
        forget(key, kept);
      }
      const holder = live(key);
      if (holder !== undefined) return sameFingerprint(holder.claim.fingerprint, fingerprint, { state: "running" });
      running.set(key, { claim, expiresAt: now() + leaseMs });
      return { state: "started" };
    },
    renew: ({ key, owner }, leaseMs) => {
      const holder = live(key);
      if (holder?.claim.owner === owner) holder.expiresAt = now() + leaseMs;
    },
    complete: ({ key, fingerprint, owner }, reply, ttlMs) => {
      const holder = live(key);
      const kept = done.get(key);
      if ((holder !== undefined && holder.claim.owner !== owner) || (kept !== undefined && kept.expiresAt > now()))
        return;
      running.delete(key);
      if (kept !== undefined) forget(key, kept);
      const entry = {
        fingerprint,
        reply,
        bytes: Buffer.byteLength(reply) + key.length,
        expiresAt: now() + ttlMs,
      };
      done.set(key, entry);
      bytes += entry.bytes;
      makeRoom();
    },
    abandon: ({ key, owner }) => {
      if (running.get(key)?.claim.owner === owner) running.delete(key);
    },
    get size() {
      return done.size;
    },
    get bytes() {
      return bytes;
    },
  };
};
