/** Merges and checks the options of services, methods and calls. */
import { integer, milliseconds } from "../validation/check-number.ts";
import { httpStatus } from "../wire/envelope.ts";
import type { CallError, FlameErrorCode } from "../errors.ts";
import { boolean, either, fn, list, no, oneOf, record, text } from "../validation/option-checks.ts";
import { type Fields, object, required } from "../validation/option-schema.ts";
import type { FlameOptions, HedgeOptions, RetryOptions } from "./options.ts";

/** Merges options field by field, including `retry`; later ones win. */
export const mergeOptions = (...layers: ReadonlyArray<FlameOptions | undefined>): FlameOptions => {
  const merged: { -readonly [K in keyof FlameOptions]: FlameOptions[K] } = {};
  for (const layer of layers) {
    if (layer === undefined) continue;
    if (layer.pool !== undefined) merged.pool = layer.pool;
    if (layer.timeoutMs !== undefined) merged.timeoutMs = layer.timeoutMs;
    if (layer.labels !== undefined) merged.labels = { ...merged.labels, ...layer.labels };
    if (layer.affinityKey !== undefined) merged.affinityKey = layer.affinityKey;
    if (layer.idempotencyKey !== undefined) merged.idempotencyKey = layer.idempotencyKey;
    if (layer.detached !== undefined) merged.detached = layer.detached;
    if (layer.idempotent !== undefined) merged.idempotent = layer.idempotent;
    if (layer.hedge !== undefined) merged.hedge = layer.hedge;
    if (layer.retry !== undefined) merged.retry = { ...merged.retry, ...layer.retry };
  }
  return merged;
};

/** Labels of pools and of calls. */
export const labels = record(text({ allowed: "a string", pattern: /^/ }));

const condition = fn<(error: CallError) => boolean>();
const errorCode = oneOf(Object.keys(httpStatus) as ReadonlyArray<FlameErrorCode>);

const retry = object<RetryOptions>({
  maxAttempts: integer("attempts", { min: 1 }),
  baseDelayMs: milliseconds({ min: 0 }),
  maxDelayMs: milliseconds({ min: 0 }),
  on: either(list(either(errorCode, condition)), condition),
  attemptTimeoutMs: milliseconds({ min: 1 }),
});

const hedge = object<HedgeOptions>({
  delayMs: required(milliseconds({ min: 1 })),
  maxAttempts: integer("attempts", { min: 2 }),
});

/** The checks of the options that services, methods and calls have in common. */
export const callFields: Fields<FlameOptions> = {
  pool: text(),
  timeoutMs: milliseconds({ min: 0 }),
  idempotencyKey: text({
    allowed: "a string of 1 to 255 printable ASCII characters, without a space at either end",
    pattern: /^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/,
    secret: true,
  }),
  labels,
  affinityKey: text({ secret: true }),
  detached: boolean(),
  idempotent: boolean(),
  retry,
  hedge: either(hedge, no()),
};
