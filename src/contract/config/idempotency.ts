/**
 * Where runners keep what came of calls with an idempotency key. A runner keeps it
 * in its memory unless it is given a store that several runners share.
 */

/** An execution that wants a key, or has it. */
export interface IdempotencyClaim {
  /** `service/method`, a space and the caller's key: at most 513 printable ASCII characters. */
  readonly key: string;
  /** Stands for the arguments: 43 characters of base64url. */
  readonly fingerprint: string;
  /** Different for every execution: 22 characters of base64url. */
  readonly owner: string;
}

/** What a store knows of a key. */
export type IdempotencyState =
  /** Nobody had it. It is the claim's from now on, which executes. */
  | { readonly state: "started" }
  /** Another claim with the same fingerprint has it. */
  | { readonly state: "running" }
  /** It was completed with the same fingerprint. */
  | { readonly state: "done"; readonly reply: string }
  /** It is there, running or done, with another fingerprint. */
  | { readonly state: "conflict" };

/**
 * Remembers one record per key: who executes, or what came of it. Every operation is one step that nothing can come
 * between, for all runners that share the store. A rejection from `begin` refuses the call unexecuted; one from the
 * others is logged, and the caller gets its result all the same. An operation has five seconds, and those on one claim
 * come one after the other.
 *
 * `idempotencyStoreConformance` of `firelight/testing` holds an implementation to what is said here. Two of a page each, one
 * in Redis and one in files, are in `examples/05-redis-idempotency-store`.
 */
export interface IdempotencyStore {
  /** Takes the key for `leaseMs` milliseconds if nobody has it, and says what is known of it otherwise. */
  begin(claim: IdempotencyClaim, leaseMs: number): IdempotencyState | Promise<IdempotencyState>;
  /** Extends the lease to `leaseMs` milliseconds from now, if the key is still the claim's. */
  renew(claim: IdempotencyClaim, leaseMs: number): void | Promise<void>;
  /**
   * Keeps `reply` for `ttlMs` milliseconds, if the key is the claim's or nobody's; a lease that has run out without
   * another claim does not matter. `reply` is opaque text of Unicode characters, and comes back as it is.
   */
  complete(claim: IdempotencyClaim, reply: string, ttlMs: number): void | Promise<void>;
  /** Frees the key, if it is the claim's and was not completed. */
  abandon(claim: IdempotencyClaim): void | Promise<void>;
}

/** How a runner treats calls with an idempotency key. */
export interface IdempotencyOptions {
  /** Default: the memory of this process, which other runners do not see. */
  readonly store?: IdempotencyStore;
  /** Milliseconds for which results are kept. Default 86 400 000: a day. */
  readonly ttlMs?: number;
  /** Milliseconds after which the key of a runner that died is free again. Default 30 000. */
  readonly leaseMs?: number;
  /**
   * Most bytes of one result that is kept. A larger one reaches those who wait for it; whoever asks later is told, with
   * `payload_too_large`, that it was not kept. Default 1 MiB.
   */
  readonly maxReplyBytes?: number;
  /** Most results in the memory; the oldest is forgotten for the newest. Default 100 000. Stores see to their own bounds. */
  readonly maxEntries?: number;
  /** Most bytes of keys and results in the memory, likewise. Default 64 MiB. */
  readonly maxBytes?: number;
}

/** The options with nothing left open; `store` is `undefined` where the memory is meant. */
export interface ResolvedIdempotency extends Required<Omit<IdempotencyOptions, "store">> {
  readonly store: IdempotencyStore | undefined;
}
