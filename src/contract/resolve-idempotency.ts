/** Fills in and checks how calls with an idempotency key are treated. */
import { checkNumber } from "./check-number.ts";
import { ConfigError } from "./errors.ts";
import type { IdempotencyOptions, IdempotencyStore, ResolvedIdempotency } from "./idempotency.ts";

const mebibyte = 1024 * 1024;
const operations = ["begin", "renew", "complete", "abandon"] as const satisfies ReadonlyArray<keyof IdempotencyStore>;

const checkStore = (store: IdempotencyStore | undefined): IdempotencyStore | undefined => {
  const missing = store === undefined ? undefined : operations.find((name) => typeof store[name] !== "function");
  if (missing === undefined) return store;
  throw new ConfigError(`idempotency.store has no ${missing}(). A store has ${operations.join(", ")}.`);
};

/**
 * `undefined` when results are not kept.
 *
 * @throws {ConfigError} naming the field, its value and how to fix it.
 */
export const resolveIdempotency = (options: IdempotencyOptions | false = {}): ResolvedIdempotency | undefined => {
  if (options === false) return undefined;
  const number = (field: Exclude<keyof IdempotencyOptions, "store">, fallback: number, unit: string): number =>
    checkNumber(`idempotency.${field}`, options[field] ?? fallback, 1, unit);
  const maxBytes = number("maxBytes", 64 * mebibyte, "bytes");
  const maxReplyBytes = number("maxReplyBytes", Math.min(mebibyte, maxBytes), "bytes");
  if (options.store === undefined && maxReplyBytes > maxBytes) {
    throw new ConfigError(
      `idempotency.maxReplyBytes is ${maxReplyBytes} and idempotency.maxBytes is ${maxBytes}: such a result would not fit. Make maxBytes the larger one.`,
    );
  }
  return {
    store: checkStore(options.store),
    ttlMs: number("ttlMs", 24 * 60 * 60 * 1000, "milliseconds"),
    leaseMs: number("leaseMs", 30_000, "milliseconds"),
    maxReplyBytes,
    maxEntries: number("maxEntries", 100_000, "results"),
    maxBytes,
  };
};
