/**
 * Where runners keep what came of calls with an idempotency key. A runner keeps it
 * in its memory unless it is given a store that several runners share.
 */

/** An execution that claims a key. */
export interface IdempotencyClaim {
  /** `service/method`, a space and the caller's key: at most 513 printable ASCII characters. */
  readonly key: string;
  /** Hash of the arguments: 43 characters of base64url. */
  readonly fingerprint: string;
  /** Unique for each execution: 22 characters of base64url. */
  readonly owner: string;
}

/** The state of a key in a store. */
export type IdempotencyState =
  | {
      /**
       * `started`: the key was free and now belongs to the claim, which executes. `running`: another claim with the same
       * fingerprint holds it. `conflict`: the key exists with another fingerprint.
       */
      readonly state: "started" | "running" | "conflict";
    }
  | {
      /** An execution with the same fingerprint is complete. */
      readonly state: "done";
      /** The reply that {@link IdempotencyStore.complete} stored. */
      readonly reply: string;
    };

/**
 * Keeps one record per key: the running execution or its result. Each operation must be atomic for all runners that
 * share the store. If `begin` rejects, the call fails without being executed. If another operation rejects, the
 * runner logs it and the caller still gets its result. An operation has 5 seconds, and operations on one claim run
 * one after the other.
 *
 * `idempotencyStoreConformance` of `firelight/testing` checks an implementation.
 */
export interface IdempotencyStore {
  /**
   * Takes the key for `leaseMs` if it is free; otherwise returns its state.
   *
   * @param claim the execution and its key
   * @param leaseMs duration of the lease, in milliseconds
   */
  begin(claim: IdempotencyClaim, leaseMs: number): IdempotencyState | Promise<IdempotencyState>;
  /**
   * Extends the lease to `leaseMs` from now if the claim still holds the key.
   *
   * @param claim the execution and its key
   * @param leaseMs duration of the lease, in milliseconds
   */
  renew(claim: IdempotencyClaim, leaseMs: number): void | Promise<void>;
  /**
   * Stores the reply if the claim holds the key or nobody does; an expired lease does not matter unless another claim
   * took the key.
   *
   * @param claim the execution and its key
   * @param reply the result, as opaque Unicode text
   * @param ttlMs how long to keep the reply, in milliseconds
   */
  complete(claim: IdempotencyClaim, reply: string, ttlMs: number): void | Promise<void>;
  /**
   * Frees the key if the claim holds it and has not completed it.
   *
   * @param claim the execution and its key
   */
  abandon(claim: IdempotencyClaim): void | Promise<void>;
}

/** Options of idempotency keys. */
export interface IdempotencyOptions {
  /** Where results are kept. Default: the memory of this process, which other runners do not share. */
  readonly store?: IdempotencyStore;
  /** How long results are kept, in milliseconds. Default: 86,400,000 (1 day). */
  readonly ttlMs?: number;
  /** Time after which the key of a dead runner becomes free, in milliseconds. Default: 30,000. */
  readonly leaseMs?: number;
  /**
   * Maximum size of a stored result, in bytes. Callers that wait receive a larger one; later calls with the key fail
   * with `payload_too_large`. Default: 1 MiB.
   */
  readonly maxReplyBytes?: number;
  /**
   * Maximum number of results in memory; a new one replaces the oldest. Does not apply to a `store`. Default:
   * 100,000.
   */
  readonly maxEntries?: number;
  /**
   * Maximum size of keys and results in memory, in bytes; a new one replaces the oldest. Does not apply to a `store`.
   * Default: 64 MiB.
   */
  readonly maxBytes?: number;
}

/** The options with nothing left open; `store` is `undefined` where the memory is meant. */
export interface ResolvedIdempotency extends Required<Omit<IdempotencyOptions, "store">> {
  readonly store: IdempotencyStore | undefined;
}
