/** Options of services, methods and calls: how they are merged, and how they are checked. */
import { checkNumber, fraction } from "./check-number.ts";
import { ConfigError } from "./errors.ts";
import type { FlameOptions } from "./options.ts";

/** Options merged field by field; later ones win, `retry` included. */
export const mergeOptions = (...layers: ReadonlyArray<FlameOptions | undefined>): FlameOptions => {
  const merged: { -readonly [K in keyof FlameOptions]: FlameOptions[K] } = {};
  for (const layer of layers) {
    if (layer === undefined) continue;
    if (layer.pool !== undefined) merged.pool = layer.pool;
    if (layer.timeoutMs !== undefined) merged.timeoutMs = layer.timeoutMs;
    if (layer.labels !== undefined) merged.labels = { ...merged.labels, ...layer.labels };
    if (layer.affinityKey !== undefined) merged.affinityKey = layer.affinityKey;
    if (layer.idempotencyKey !== undefined) merged.idempotencyKey = layer.idempotencyKey;
    if (layer.retry !== undefined) merged.retry = { ...merged.retry, ...layer.retry };
  }
  return merged;
};

/**
 * Checks options where they are given, so that a mistake is seen when the service is defined and not at night.
 *
 * @throws {ConfigError} naming the option, its value and how to fix it.
 */
export const checkOptions = (options: FlameOptions, where: string): void => {
  if (options.timeoutMs !== undefined) checkNumber(`${where}: timeoutMs`, options.timeoutMs, 0, "milliseconds", fraction);
  if (options.retry?.maxAttempts !== undefined) checkNumber(`${where}: retry.maxAttempts`, options.retry.maxAttempts, 1, "attempts");
  if (options.retry?.baseDelayMs !== undefined) checkNumber(`${where}: retry.baseDelayMs`, options.retry.baseDelayMs, 0, "milliseconds", fraction);
  if (options.retry?.maxDelayMs !== undefined) checkNumber(`${where}: retry.maxDelayMs`, options.retry.maxDelayMs, 0, "milliseconds", fraction);
  if (options.idempotencyKey !== undefined && !/^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(options.idempotencyKey)) {
    throw new ConfigError(`${where}: idempotencyKey must be 1 to 255 printable ASCII characters, without a space at either end.`);
  }
  if (options.affinityKey !== undefined && (typeof options.affinityKey !== "string" || options.affinityKey === "")) {
    throw new ConfigError(`${where}: affinityKey must be a string that is not empty.`);
  }
};
