/** Whether a failed attempt is followed by another, when, and why. Pure: chance and time are handed in. */
import type { CallError, FlameErrorCode } from "../contract/errors.ts";
import type { RetryOptions } from "../contract/options.ts";
import { defaults } from "../contract/options.ts";

/** Attempts beyond the retry policy that failures which provably did not execute may cause. */
export const failoverAttempts = 2;

const neverRetried: ReadonlySet<FlameErrorCode> = new Set<FlameErrorCode>([
  "config_error",
  "registry_error",
  "serialization_error",
  "signature_error",
  "payload_too_large",
  "conflict",
  "canceled",
]);

/** Failures of an attempt at one runner that another runner may not have. */
const failoverCodes: ReadonlySet<FlameErrorCode> = new Set<FlameErrorCode>([
  "transport_error",
  "unavailable",
  "overloaded",
]);

export interface RetrySituation {
  readonly error: CallError;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** How many of the attempts so far were failovers. */
  readonly failovers: number;
  readonly retry: RetryOptions | undefined;
  /** What is left of the deadline, in milliseconds. */
  readonly remainingMs: number;
  /** From 0 up to 1, for jitter. */
  readonly chance: number;
}

export type RetryDecision =
  | { readonly retry: false }
  | { readonly retry: true; readonly delayMs: number; readonly failover: boolean; readonly reason: string };

const no: RetryDecision = { retry: false };

/**
 * Decides. An attempt that provably did not reach the handler fails over to another runner, at once and at most
 * {@link failoverAttempts} times, whatever the policy. With `maxAttempts` above 1, whatever may succeed next time is tried again after a
 * backoff that doubles, with ±20 % jitter. Nothing is tried that the deadline would not allow.
 */
export const decideRetry = (situation: RetrySituation): RetryDecision => {
  const { error, attempt, failovers, retry, remainingMs } = situation;
  if (neverRetried.has(error.code) || !error.retryable || remainingMs <= 0) return no;
  const reason = `${error.code}, executed: ${error.executed}`;
  const refusedByRunner = error.runnerId !== undefined && error.executed === "no" && failoverCodes.has(error.code);
  if (refusedByRunner && failovers < failoverAttempts) {
    return { retry: true, delayMs: 0, failover: true, reason };
  }
  const counted = attempt - failovers;
  if (counted >= (retry?.maxAttempts ?? defaults.maxAttempts)) return no;
  const base = (retry?.baseDelayMs ?? defaults.baseDelayMs) * 2 ** (counted - 1);
  const jittered = Math.min(base, retry?.maxDelayMs ?? defaults.maxDelayMs) * (0.8 + 0.4 * situation.chance);
  const delayMs = Math.max(jittered, error.retryAfterMs ?? 0);
  return delayMs < remainingMs ? { retry: true, delayMs, failover: false, reason } : no;
};
