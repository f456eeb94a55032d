/** Options of services, methods and calls: how they are merged, and how they are checked. */
import { checkNumber, fraction } from "./check-number.ts";
import { httpStatus } from "./envelope.ts";
import { ConfigError } from "./errors.ts";
import type { FlameOptions, RetryOptions } from "./options.ts";

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
    if (layer.detached !== undefined) merged.detached = layer.detached;
    if (layer.idempotent !== undefined) merged.idempotent = layer.idempotent;
    if (layer.hedge !== undefined) merged.hedge = layer.hedge;
    if (layer.retry !== undefined) merged.retry = { ...merged.retry, ...layer.retry };
  }
  return merged;
};

const checkRetry = (retry: RetryOptions, at: string): void => {
  if (retry.maxAttempts !== undefined) checkNumber(`${at}.maxAttempts`, retry.maxAttempts, 1, "attempts");
  if (retry.baseDelayMs !== undefined) checkNumber(`${at}.baseDelayMs`, retry.baseDelayMs, 0, "milliseconds", fraction);
  if (retry.maxDelayMs !== undefined) checkNumber(`${at}.maxDelayMs`, retry.maxDelayMs, 0, "milliseconds", fraction);
  if (retry.attemptTimeoutMs !== undefined)
    checkNumber(`${at}.attemptTimeoutMs`, retry.attemptTimeoutMs, 1, "milliseconds", fraction);
  if (retry.on === undefined || typeof retry.on === "function") return;
  if (!Array.isArray(retry.on)) {
    throw new ConfigError(`${at}.on is ${String(retry.on)}. Use a list of error codes and functions, or one function.`);
  }
  for (const condition of retry.on) {
    if (typeof condition === "function" || (typeof condition === "string" && Object.hasOwn(httpStatus, condition)))
      continue;
    const codes = Object.keys(httpStatus).join(", ");
    throw new ConfigError(
      `${at}.on has ${String(condition)}, which is neither an error code nor a function. The codes are ${codes}.`,
    );
  }
};

/**
 * Checks options where they are given, so that a mistake is seen when the service is defined and not at night.
 *
 * @throws {ConfigError} naming the option, its value and how to fix it.
 */
export const checkOptions = (options: FlameOptions, where: string): void => {
  if (options.detached !== undefined && typeof options.detached !== "boolean") {
    throw new ConfigError(`${where}: detached is ${String(options.detached)}. Use true or false.`);
  }
  if (options.timeoutMs !== undefined)
    checkNumber(`${where}: timeoutMs`, options.timeoutMs, 0, "milliseconds", fraction);
  if (options.retry !== undefined) checkRetry(options.retry, `${where}: retry`);
  if (options.idempotent !== undefined && typeof options.idempotent !== "boolean") {
    throw new ConfigError(`${where}: idempotent is ${String(options.idempotent)}. Use true or false.`);
  }
  if (options.hedge !== undefined && options.hedge !== false) {
    checkNumber(`${where}: hedge.delayMs`, options.hedge.delayMs, 1, "milliseconds", fraction);
    if (options.hedge.maxAttempts !== undefined)
      checkNumber(`${where}: hedge.maxAttempts`, options.hedge.maxAttempts, 2, "attempts");
  }
  if (
    options.idempotencyKey !== undefined &&
    !/^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(options.idempotencyKey)
  ) {
    throw new ConfigError(
      `${where}: idempotencyKey must be 1 to 255 printable ASCII characters, without a space at either end.`,
    );
  }
  if (options.affinityKey !== undefined && (typeof options.affinityKey !== "string" || options.affinityKey === "")) {
    throw new ConfigError(`${where}: affinityKey must be a string that is not empty.`);
  }
};
