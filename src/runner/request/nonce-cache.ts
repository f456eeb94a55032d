/**
 * The bounded memory of nonces that were used. Pure: the clock is handed in, and must be monotonic, so that nothing is
 * forgotten early or kept for ever when the system clock is set.
 *
 * Nonces live in generations that are dropped whole once everything in them is
 * too old to pass the window. What a dropped generation knew survives as a
 * horizon: nothing created before it is let in again.
 */

/** What the memory says of a nonce: not seen, seen, older than it remembers, or no room to remember it. */
export type NonceVerdict = "fresh" | "replay" | "stale" | "full";

export interface NonceMemoryOptions {
  /** Milliseconds by which a request may be older or newer than the runner's clock. */
  readonly windowMs: number;
  /** Most nonces held. When they are reached nothing is forgotten early: new nonces get `full`. */
  readonly capacity: number;
}

/** Remembers nonces. One call both asks and records, so two equal requests cannot both be fresh. */
export interface NonceMemory {
  use(nonce: string, createdMs: number, nowMs: number): NonceVerdict;
  /** Asks and records nothing. */
  recall(nonce: string, createdMs: number): Exclude<NonceVerdict, "full">;
  /** Nonces held now. */
  readonly size: number;
}

interface Generation {
  readonly startedMs: number;
  readonly nonces: Set<string>;
  newestCreatedMs: number;
}

/** A nonce can be replayed for twice the window: from the earliest to the latest clock that accepts it. */
const generationsPerLifetime = 4;

export const makeNonceMemory = (options: NonceMemoryOptions): NonceMemory => {
  const lifetimeMs = 2 * options.windowMs;
  const spanMs = lifetimeMs / generationsPerLifetime;
  const generations: Array<Generation> = [];
  let size = 0;
  let horizonMs = -Infinity;

  const dropOld = (nowMs: number): void => {
    for (let oldest = generations[0]; oldest !== undefined; oldest = generations[0]) {
      if (nowMs - oldest.startedMs <= lifetimeMs + spanMs) return;
      generations.shift();
      size -= oldest.nonces.size;
      horizonMs = Math.max(horizonMs, oldest.newestCreatedMs);
    }
  };

  const current = (nowMs: number): Generation => {
    const newest = generations.at(-1);
    if (newest !== undefined && nowMs - newest.startedMs < spanMs) return newest;
    const next: Generation = { startedMs: nowMs, nonces: new Set(), newestCreatedMs: -Infinity };
    generations.push(next);
    return next;
  };

  const recall: NonceMemory["recall"] = (nonce, createdMs) => {
    if (createdMs <= horizonMs) return "stale";
    for (const generation of generations) {
      if (generation.nonces.has(nonce)) return "replay";
    }
    return "fresh";
  };

  return {
    get size() {
      return size;
    },
    recall,
    use: (nonce, createdMs, nowMs) => {
      dropOld(nowMs);
      const verdict = recall(nonce, createdMs);
      if (verdict !== "fresh") return verdict;
      if (size >= options.capacity) return "full";
      const generation = current(nowMs);
      generation.nonces.add(nonce);
      generation.newestCreatedMs = Math.max(generation.newestCreatedMs, createdMs);
      size += 1;
      return "fresh";
    },
  };
};
