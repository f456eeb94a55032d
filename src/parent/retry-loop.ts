/** Makes attempts until one succeeds or no further one is allowed, within the pool's retry budget. */
import * as Effect from "effect/Effect";
import { type CallError, executedByEither, withContext } from "../contract/errors.ts";
import { attempt } from "./attempt.ts";
import { type AttemptCause, firstAttempt } from "./attempt-cause.ts";
import { type Call, errorContext, remainingMs } from "./call.ts";
import { hedged, mayHedge } from "./hedge.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { budgetText, onRetryDenied, onRetryScheduled } from "./retry-events.ts";
import { decideRetry, type RetryDecision, type RetryDenial } from "./retry-policy.ts";

/** Where the loop is: which attempt comes next. */
interface Round {
  readonly cause: AttemptCause;
  readonly failovers: number;
  /** The runner that failed last. */
  readonly avoid: string | undefined;
  /** Rounds so far, this one included. */
  readonly count: number;
}

const firstRound: Round = { cause: firstAttempt, failovers: 0, avoid: undefined, count: 1 };

const denialOf = (call: Call, decision: RetryDecision, budget: RetryBudget | undefined): RetryDenial | undefined => {
  if (!decision.retry) return decision.denial;
  if (budget === undefined) return undefined;
  const free = decision.firstFailover && budget.ample;
  call.tookRetryToken = !free;
  if (free || budget.take()) return undefined;
  return { reason: "budget", text: budgetText(call.pool, budget) };
};

/**
 * The error of the call: the one of the last attempt, with what is known from all attempts and why there are no more.
 */
const finalError = (call: Call, error: CallError, denial: RetryDenial | undefined): CallError => {
  const notes: Array<string> = [];
  if (call.executed !== error.executed && error.executed === "no") {
    notes.push(
      call.executed === "yes" ? "An earlier attempt ran the handler." : "An earlier attempt may have run the handler.",
    );
  }
  if (denial !== undefined) notes.push(`Not retried: ${denial.text}.`);
  return withContext(error, { ...errorContext(call), executed: call.executed }, notes.join(" "));
};

const backoff = (call: Call, { delayMs, reason }: RetryDecision & { retry: true }): Effect.Effect<void> => {
  const nextAttempt = call.attempts + 1;
  onRetryScheduled(call, delayMs, reason);
  if (delayMs === 0) return Effect.void;
  const startedAt = performance.now();
  return call.client.telemetry.stage(
    { _tag: "backoff", facts: { retryDelayMs: delayMs, nextAttempt, retryReason: reason } },
    () =>
      Effect.onExit(Effect.sleep(delayMs), () =>
        Effect.sync(() => {
          call.phases.backoff += performance.now() - startedAt;
        }),
      ),
  );
};

/** Runs the next round after a failed one, or fails with the error of the call. */
export const afterFailure = (
  call: Call,
  error: CallError,
  round: Round = firstRound,
): Effect.Effect<unknown, CallError> => {
  const { poolContext, options } = call;
  call.executed = executedByEither(call.executed, error.executed);
  const decision = decideRetry({
    error,
    attempt: Math.max(round.count, call.attempts),
    failovers: round.failovers,
    hedges: call.hedges,
    retry: options.retry,
    idempotent: options.idempotent === true,
    elsewhere: poolContext?.multipleRunners === true,
    remainingMs: remainingMs(call),
    chance: Math.random(),
  });
  const denial = denialOf(call, decision, poolContext?.retryBudget);
  if (denial !== undefined) {
    call.retryDenied = denial.reason;
    onRetryDenied(call, denial);
  }
  if (!decision.retry || denial !== undefined) return Effect.fail(finalError(call, error, denial));
  return Effect.flatMap(backoff(call, decision), () =>
    withRetries(call, {
      cause: { kind: "retry", reason: decision.reason },
      failovers: round.failovers + (decision.failover ? 1 : 0),
      avoid: error.runnerId,
      count: round.count + 1,
    }),
  );
};

/** Makes attempts until one succeeds or no further one is allowed. */
export const withRetries = (call: Call, round: Round = firstRound): Effect.Effect<unknown, CallError> =>
  Effect.catch(
    mayHedge(call) ? hedged(call, round.cause, round.avoid) : attempt(call, round.cause, round.avoid),
    (error) => afterFailure(call, error, round),
  );
