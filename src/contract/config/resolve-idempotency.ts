/** Checks the options of idempotency keys and fills in defaults. */
import { integer } from "../validation/check-number.ts";
import { ConfigError } from "../errors.ts";
import type { IdempotencyOptions, IdempotencyStore, ResolvedIdempotency } from "./idempotency.ts";
import { either, having, no } from "../validation/option-checks.ts";
import { object } from "../validation/option-schema.ts";

const mebibyte = 1024 * 1024;
const store = having<IdempotencyStore>("a store", ["begin", "renew", "complete", "abandon"]);

/** The checks of {@link IdempotencyOptions}, or `false`. */
export const idempotencySchema = either(
  object<IdempotencyOptions>({
    store,
    ttlMs: integer("milliseconds", { min: 1 }),
    leaseMs: integer("milliseconds", { min: 1 }),
    maxReplyBytes: integer("bytes", { min: 1 }),
    maxEntries: integer("results", { min: 1 }),
    maxBytes: integer("bytes", { min: 1 }),
  }),
  no(),
);

/**
 * Fills in the defaults of options that were checked. `undefined` when results are not kept.
 *
 * @throws {ConfigError} for bounds that contradict each other.
 */
export const resolveIdempotency = (options: IdempotencyOptions | false = {}): ResolvedIdempotency | undefined => {
  if (options === false) return undefined;
  const { maxBytes = 64 * mebibyte } = options;
  const { maxReplyBytes = Math.min(mebibyte, maxBytes) } = options;
  if (options.store === undefined && maxReplyBytes > maxBytes) {
    throw new ConfigError(
      `idempotency.maxReplyBytes is ${maxReplyBytes}, more than idempotency.maxBytes (${maxBytes}). Make maxBytes at least as large.`,
    );
  }
  return {
    store: options.store,
    ttlMs: options.ttlMs ?? 24 * 60 * 60 * 1000,
    leaseMs: options.leaseMs ?? 30_000,
    maxReplyBytes,
    maxEntries: options.maxEntries ?? 100_000,
    maxBytes,
  };
};
