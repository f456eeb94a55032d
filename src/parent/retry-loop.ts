/** Attempts until one succeeds or none may follow: carries out what `retry.ts` decides, within the pool's retry budget. */
import * as Effect from "effect/Effect";
import type { CallError } from "../contract/errors.ts";
import { executedByEither, withContext } from "../contract/errors.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { AttemptCause } from "./attempt-cause.ts";
import type { Call } from "./run-call.ts";
import { errorContext, remainingMs } from "./run-call.ts";
import { budgetText, noteRefusal, noteRetry } from "./retry-events.ts";
import { hedged, mayHedge } from "./hedge.ts";
import type { AttemptMaker } from "./pool-context.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { RetryDecision, RetryDenial } from "./retry-policy.ts";
import { decideRetry } from "./retry-policy.ts";

const firstAttempt: AttemptCause = { kind: "first", reason: undefined };

const overBudget = (call: Call, decision: RetryDecision, budget: RetryBudget | undefined): RetryDenial | undefined => {
  if (!decision.retry) return decision.refusal;
  if (budget === undefined || (decision.charged ? budget.charge() : budget.open)) return undefined;
  return { obstacle: "budget", text: budgetText(call.pool, budget) };
};

/** The error that the call ends with: what the last attempt failed with, what is known from all of them, and why there are no more. */
const finalError = (call: Call, error: CallError, refusal: RetryDenial | undefined): CallError => {
  const notes: Array<string> = [];
  if (call.executed !== error.executed && error.executed === "no") {
    notes.push(call.executed === "yes" ? "An earlier attempt ran it." : "An earlier attempt may have run it.");
  }
  if (refusal !== undefined) notes.push(`Not tried again: ${refusal.text}.`);
  return withContext(error, { ...errorContext(call), executed: call.executed }, notes.join(" "));
};

const backoff = (telemetry: Telemetry, call: Call, decision: RetryDecision & { retry: true }): Effect.Effect<void> => {
  const { delayMs, reason } = decision;
  const nextAttempt = call.attempts + 1;
  noteRetry(telemetry, call, delayMs, reason);
  if (delayMs === 0) return Effect.void;
  const startedAt = performance.now();
  return telemetry.stage({ _tag: "backoff", facts: { retryDelayMs: delayMs, nextAttempt, retryReason: reason } }, () =>
    Effect.onExit(Effect.sleep(delayMs), () =>
      Effect.sync(() => {
        call.phases.backoff += performance.now() - startedAt;
      }),
    ),
  );
};

const rounds = (
  maker: AttemptMaker,
  call: Call,
  body: Uint8Array,
  cause: AttemptCause,
  failovers: number,
  avoid: string | undefined,
  tries: number,
): Effect.Effect<unknown, CallError> => {
  const round = mayHedge(call) ? hedged(maker, call, body, cause, avoid) : maker.attemptOnce(call, body, cause, avoid);
  return Effect.catch(round, (error) => {
    const context = maker.poolContextOf(call.pool);
    call.executed = executedByEither(call.executed, error.executed);
    const decision = decideRetry({
      error,
      attempt: Math.max(tries, call.attempts),
      failovers,
      hedges: call.hedges,
      retry: call.options.retry,
      idempotent: call.options.idempotent === true,
      elsewhere: context?.several === true,
      remainingMs: remainingMs(call),
      chance: Math.random(),
    });
    const refusal = overBudget(call, decision, context?.budget);
    if (refusal !== undefined) {
      call.refused = refusal.obstacle;
      noteRefusal(maker.telemetry, call, refusal.obstacle, refusal.text);
    }
    if (!decision.retry || refusal !== undefined) return Effect.fail(finalError(call, error, refusal));
    return Effect.flatMap(backoff(maker.telemetry, call, decision), () =>
      rounds(
        maker,
        call,
        body,
        { kind: "retry", reason: decision.reason },
        failovers + (decision.failover ? 1 : 0),
        error.runnerId,
        tries + 1,
      ),
    );
  });
};

/** Makes attempts until one succeeds or none may follow. */
export const withRetries = (maker: AttemptMaker, call: Call, body: Uint8Array): Effect.Effect<unknown, CallError> =>
  rounds(maker, call, body, firstAttempt, 0, undefined, 1);
