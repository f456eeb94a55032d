/**
 * The bounded cache of used nonces. Pure: the clock is a parameter, and must be monotonic, so that no nonce is dropped
 * early or kept forever when the system clock is set.
 *
 * Nonces are grouped in generations. A generation is dropped when all of its nonces are too old for the window. A
 * horizon replaces it: a request that was created before the horizon is stale.
 */

/** The result for a nonce: not seen, seen, older than the cache, or the cache is full. */
export type NonceResult = "fresh" | "replay" | "stale" | "full";

export interface NonceCacheOptions {
  /** Maximum difference between the time of a request and the runner's clock, in milliseconds. */
  readonly windowMs: number;
  /** Maximum number of nonces. When it is reached, no nonce is dropped early: new ones get `full`. */
  readonly capacity: number;
}

/** Caches nonces. One call both checks and records, so two equal requests cannot both be fresh. */
export interface NonceCache {
  use(nonce: string, createdMs: number, nowMs: number): NonceResult;
  /** Checks without recording. */
  recall(nonce: string, createdMs: number): Exclude<NonceResult, "full">;
  /** Number of cached nonces. */
  readonly size: number;
}

interface Generation {
  readonly startedMs: number;
  readonly nonces: Set<string>;
  newestCreatedMs: number;
}

/** A nonce is valid for twice the window: from the earliest to the latest clock that accepts it. */
const generationsPerLifetime = 4;

export const makeNonceCache = (options: NonceCacheOptions): NonceCache => {
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

  const next = (nowMs: number): Generation => {
    const generation: Generation = { startedMs: nowMs, nonces: new Set(), newestCreatedMs: -Infinity };
    generations.push(generation);
    return generation;
  };

  const recall: NonceCache["recall"] = (nonce, createdMs) => {
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
      const oldest = generations[0];
      if (oldest !== undefined && nowMs - oldest.startedMs > lifetimeMs + spanMs) dropOld(nowMs);
      const result = recall(nonce, createdMs);
      if (result !== "fresh") return result;
      if (size >= options.capacity) return "full";
      const newest = generations.at(-1);
      const generation = newest !== undefined && nowMs - newest.startedMs < spanMs ? newest : next(nowMs);
      generation.nonces.add(nonce);
      generation.newestCreatedMs = Math.max(generation.newestCreatedMs, createdMs);
      size += 1;
      return "fresh";
    },
  };
};
