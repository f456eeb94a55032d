/** Says why a call gets another attempt, or why it gets none though its options allow it. */
import type { RetryDenialReason, Telemetry } from "../telemetry/telemetry.ts";
import type { Call } from "./run-call.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** Tells of an attempt that will be made. */
export const noteRetry = (telemetry: Telemetry, call: Call, delayMs: number, reason: string): void =>
  telemetry.emit({
    _tag: "RetryScheduled",
    method: call.method,
    pool: call.pool,
    invocationId: call.invocationId,
    nextAttempt: call.attempts + 1,
    delayMs,
    reason,
    span: call.span,
  });

/** Tells of an attempt that will not be made. */
export const noteRefusal = (telemetry: Telemetry, call: Call, obstacle: RetryDenialReason, reason: string): void =>
  telemetry.emit({
    _tag: "RetryRefused",
    method: call.method,
    pool: call.pool,
    invocationId: call.invocationId,
    attempts: call.attempts,
    obstacle,
    reason,
    span: call.span,
  });

/** What to say of a budget that allows nothing more. */
export const budgetText = (pool: string, { tokens, limits }: RetryBudget): string =>
  `the retry budget of the pool "${pool}" is used up (${tokens.toFixed(1)} of ${limits.maxTokens} tokens, and more than half must be left)`;
