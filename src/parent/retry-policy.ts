/** Whether a failed attempt is followed by another, when, and why. Pure: chance and time are handed in. */
import type { CallError, FlameErrorCode } from "../contract/errors.ts";
import type { RetryOptions } from "../contract/config/options.ts";
import { defaults } from "../contract/config/options.ts";
import { messageOf } from "../contract/thrown.ts";
import type { RetryDenialReason } from "../telemetry/telemetry.ts";

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
  /** Attempts so far. */
  readonly attempt: number;
  /** How many of them were failovers. */
  readonly failovers: number;
  /** How many of them were hedges. */
  readonly hedges: number;
  readonly retry: RetryOptions | undefined;
  /** Whether the method is declared to be safe to run again. */
  readonly idempotent: boolean;
  /** Whether there may be another runner than the one that failed. */
  readonly elsewhere: boolean;
  /** What is left of the deadline, in milliseconds. */
  readonly remainingMs: number;
  /** From 0 up to 1, for jitter. */
  readonly chance: number;
}

/** An attempt that is not made. */
export interface RetryDenial {
  readonly obstacle: RetryDenialReason;
  /** The same for a person, as the rest of a sentence. */
  readonly text: string;
}

export type RetryDecision =
  | { readonly retry: false; readonly refusal?: RetryDenial }
  | {
      readonly retry: true;
      readonly delayMs: number;
      readonly failover: boolean;
      /**
       * Whether the failure costs the pool's budget a token. A call's first failover does not: it tells of one runner, and a
       * runner that drains must not use up what the pool needs. If the failover fails as well, that costs.
       */
      readonly charged: boolean;
      readonly reason: string;
    };

const no: RetryDecision = { retry: false };

const refuse = (obstacle: RetryDenialReason, text: string): RetryDecision => ({
  retry: false,
  refusal: { obstacle, text },
});

/** Whether the error is worth another try at all, whatever the policy. */
export const mayPass = (error: CallError): boolean => error.retryable && !neverRetried.has(error.code);

/** Whether the handler's answer never came: the runner was lost, or what ran the handler on it, or the attempt's own time was over. */
const isLost = ({ code, executed }: CallError): boolean =>
  (code === "transport_error" || code === "timeout") && executed !== "no";

const mayFailOver = ({ error, failovers, retry }: RetrySituation): boolean => {
  if (error.executed !== "no" || failovers >= failoverAttempts) return false;
  if (error.code === "timeout") return retry?.attemptTimeoutMs !== undefined && error.phase !== "acquire";
  return error.phase !== "acquire" && failoverCodes.has(error.code);
};

const mostAttempts = ({ error, retry, idempotent }: RetrySituation): number =>
  retry?.maxAttempts ?? (idempotent && isLost(error) ? defaults.idempotentAttempts : defaults.maxAttempts);

/** Why `retry.on` does not want the error tried again; `undefined` if it does. */
const unwanted = (error: CallError, on: RetryOptions["on"]): string | undefined => {
  if (on === undefined) return undefined;
  try {
    const conditions = typeof on === "function" ? [on] : on;
    const wanted = conditions.some((condition) =>
      typeof condition === "function" ? condition(error) : condition === error.code,
    );
    return wanted ? undefined : `retry.on does not match ${error.code}`;
  } catch (thrown) {
    return `retry.on threw: ${messageOf(thrown)}`;
  }
};

const used = (counted: number, most: number, failovers: number): RetryDecision => {
  if (most === 1 && failovers === 0) return no;
  const over = failovers === 0 ? "" : ` and ${failovers} ${failovers === 1 ? "failover" : "failovers"}`;
  return refuse("max_attempts", `${counted} of ${most} attempts${over} were made`);
};

/**
 * Decides. An attempt that provably did not reach the handler fails over to another runner, at once and at most
 * {@link failoverAttempts} times, whatever the policy. With `maxAttempts` above 1, whatever may succeed next time is tried again after a
 * backoff that doubles, with ±20 % jitter; without it, an idempotent method is tried again where an answer was lost. `retry.on` narrows
 * all of this, and nothing is tried that the deadline would not allow.
 */
export const decideRetry = (situation: RetrySituation): RetryDecision => {
  const { error, attempt, failovers, hedges, retry, remainingMs } = situation;
  if (!mayPass(error) || remainingMs <= 0) return no;
  const failover = mayFailOver(situation);
  const counted = attempt - failovers - hedges;
  const most = mostAttempts(situation);
  if (!failover && counted >= most) return used(counted, most, failovers);
  const objection = unwanted(error, retry?.on);
  if (objection !== undefined) return refuse("condition", objection);
  const asked = error.retryAfterMs ?? 0;
  const base = (retry?.baseDelayMs ?? defaults.baseDelayMs) * 2 ** (counted - 1);
  const jittered = Math.min(base, retry?.maxDelayMs ?? defaults.maxDelayMs) * (0.8 + 0.4 * situation.chance);
  const delayMs = failover ? (situation.elsewhere ? 0 : asked) : Math.max(jittered, asked);
  if (delayMs >= remainingMs) {
    return refuse(
      "deadline",
      `the next attempt would start in ${Math.round(delayMs)} ms, and ${Math.round(remainingMs)} ms are left`,
    );
  }
  return {
    retry: true,
    delayMs,
    failover,
    charged: !failover || failovers > 0,
    reason: `${error.code}, executed: ${error.executed}`,
  };
};
