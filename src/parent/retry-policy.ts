/**
 * Decides whether a failed attempt is followed by another one, when, and why. Pure: time and randomness are parameters.
 */
import type { CallError, FlameErrorCode } from "../contract/errors.ts";
import { defaults, type RetryOptions } from "../contract/config/options.ts";
import { messageOf } from "../contract/thrown.ts";
import type { RetryDenialReason } from "../telemetry/telemetry.ts";

/**
 * Maximum number of failovers: attempts beyond the retry policy, after failures that provably did not run the handler.
 */
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

/** Failures of one runner that another runner may not have. */
const failoverCodes: ReadonlySet<FlameErrorCode> = new Set<FlameErrorCode>([
  "transport_error",
  "unavailable",
  "overloaded",
]);

export interface RetrySituation {
  readonly error: CallError;
  /** Attempts so far. */
  readonly attempt: number;
  /** How many of them were failovers. */
  readonly failovers: number;
  /** How many of them were hedges. */
  readonly hedges: number;
  readonly retry: RetryOptions | undefined;
  /** Whether the method is declared safe to run again. */
  readonly idempotent: boolean;
  /** Whether the pool may have another runner. */
  readonly elsewhere: boolean;
  /** Milliseconds until the deadline of the call. */
  readonly remainingMs: number;
  /** A random number from 0 up to 1, for jitter. */
  readonly chance: number;
}

/** Why an attempt is not made. */
export interface RetryDenial {
  readonly reason: RetryDenialReason;
  /** The same in words, as the rest of a sentence. */
  readonly text: string;
}

export type RetryDecision =
  | { readonly retry: false; readonly denial?: RetryDenial }
  | {
      readonly retry: true;
      readonly delayMs: number;
      readonly failover: boolean;
      /**
       * Whether it is the first failover of the call. It takes no token of a retry budget that is more than half full, so
       * that one draining runner does not use up the budget of the pool.
       */
      readonly firstFailover: boolean;
      readonly reason: string;
    };

const no: RetryDecision = { retry: false };

const deny = (reason: RetryDenialReason, text: string): RetryDecision => ({
  retry: false,
  denial: { reason, text },
});

/** Whether another attempt can succeed at all, whatever the policy. */
export const mayPass = (error: CallError): boolean => error.retryable && !neverRetried.has(error.code);

/** Whether the response was lost: with the runner, with its isolate, or at the timeout of the attempt. */
const isLost = ({ code, executed }: CallError): boolean =>
  (code === "transport_error" || code === "timeout") && executed !== "no";

const mayFailOver = ({ error, failovers, retry }: RetrySituation): boolean => {
  if (error.executed !== "no" || failovers >= failoverAttempts) return false;
  if (error.code === "timeout") return retry?.attemptTimeoutMs !== undefined && error.phase !== "acquire";
  return error.phase !== "acquire" && failoverCodes.has(error.code);
};

const maxAttemptsOf = ({ error, retry, idempotent }: RetrySituation): number =>
  retry?.maxAttempts ?? (idempotent && isLost(error) ? defaults.idempotentAttempts : defaults.maxAttempts);

/** Why `retry.on` excludes the error; `undefined` if it includes it. */
const exclusion = (error: CallError, on: RetryOptions["on"]): string | undefined => {
  if (on === undefined) return undefined;
  try {
    const conditions = typeof on === "function" ? [on] : on;
    const included = conditions.some((condition) =>
      typeof condition === "function" ? condition(error) : condition === error.code,
    );
    return included ? undefined : `retry.on does not match ${error.code}`;
  } catch (thrown) {
    return `retry.on threw: ${messageOf(thrown)}`;
  }
};

const attemptsUsed = (counted: number, max: number, failovers: number): RetryDecision => {
  if (max === 1 && failovers === 0) return no;
  const plus = failovers === 0 ? "" : ` and ${failovers} ${failovers === 1 ? "failover" : "failovers"}`;
  return deny("max_attempts", `${counted} of ${max} attempts${plus} were made`);
};

/**
 * Decides. An attempt that provably did not reach the handler fails over to another runner: at once, at most {@link
 * failoverAttempts} times, and whatever the policy. With `maxAttempts` above 1, every retryable failure is retried
 * after a backoff that doubles, with ±20% jitter. Without `maxAttempts`, an idempotent method is retried where the
 * response was lost. `retry.on` narrows all of this, and nothing is retried past the deadline.
 */
export const decideRetry = (situation: RetrySituation): RetryDecision => {
  const { error, attempt, failovers, hedges, retry, remainingMs } = situation;
  if (!mayPass(error) || remainingMs <= 0) return no;
  const failover = mayFailOver(situation);
  const counted = attempt - failovers - hedges;
  const max = maxAttemptsOf(situation);
  if (!failover && counted >= max) return attemptsUsed(counted, max, failovers);
  const excluded = exclusion(error, retry?.on);
  if (excluded !== undefined) return deny("condition", excluded);
  const asked = error.retryAfterMs ?? 0;
  const base = (retry?.baseDelayMs ?? defaults.baseDelayMs) * 2 ** (counted - 1);
  const jittered = Math.min(base, retry?.maxDelayMs ?? defaults.maxDelayMs) * (0.8 + 0.4 * situation.chance);
  const delayMs = failover ? (situation.elsewhere ? 0 : asked) : Math.max(jittered, asked);
  if (delayMs >= remainingMs) {
    return deny(
      "deadline",
      `the next attempt would start in ${Math.round(delayMs)} ms, but only ${Math.round(remainingMs)} ms are left`,
    );
  }
  return {
    retry: true,
    delayMs,
    failover,
    firstFailover: failover && failovers === 0,
    reason: `${error.code}, executed: ${error.executed}`,
  };
};
