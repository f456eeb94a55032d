/** Reports why a call gets another attempt, or why it gets none although its options allow one. */
import type { Call } from "./call.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { RetryDenial } from "./retry-policy.ts";

/** Reports an attempt that follows in `delayMs` milliseconds. */
export const onRetryScheduled = (call: Call, delayMs: number, reason: string): void =>
  call.client.telemetry.emit({
    _tag: "RetryScheduled",
    method: call.method,
    pool: call.pool,
    invocationId: call.invocationId,
    nextAttempt: call.attempts + 1,
    delayMs,
    reason,
    span: call.span,
  });

/** Reports an attempt that is not made. */
export const onRetryDenied = (call: Call, { reason, text }: RetryDenial): void =>
  call.client.telemetry.emit({
    _tag: "RetryRefused",
    method: call.method,
    pool: call.pool,
    invocationId: call.invocationId,
    attempts: call.attempts,
    obstacle: reason,
    reason: text,
    span: call.span,
  });

/** Describes a retry budget that allows no further attempt. */
export const budgetText = (pool: string, { tokens, limits }: RetryBudget): string =>
  `the retry budget of pool "${pool}" is used up (${tokens.toFixed(1)} of ${limits.maxTokens} tokens left): most of the pool's retries fail too`;
