/**
 * The retry budget of a pool limits the retries of all its calls: a token bucket. A retry takes a token and returns it if
 * it succeeds, so failures that retries cure cost nothing. While most retries fail too, the budget empties, and retries
 * are limited to what calls without a failure and the passing time add. Pure, except for the clock.
 */
import type { RetryBudgetOptions } from "../contract/config/options.ts";

export class RetryBudget {
  readonly limits: Required<RetryBudgetOptions>;
  readonly #now: () => number;
  #tokens: number;
  #refilledAt: number;

  /** @param now the current time in milliseconds, from any origin; never decreases */
  constructor(limits: Required<RetryBudgetOptions>, now: () => number = () => performance.now()) {
    this.limits = limits;
    this.#now = now;
    this.#tokens = limits.maxTokens;
    this.#refilledAt = now();
  }

  /** From 0 to `maxTokens`. */
  get tokens(): number {
    const now = this.#now();
    this.#add(((now - this.#refilledAt) / 1_000) * this.limits.tokensPerSecond);
    this.#refilledAt = now;
    return this.#tokens;
  }

  /** Whether a retry is allowed: there is a token. */
  get open(): boolean {
    return this.tokens >= 1;
  }

  /** Whether the first failover of a call is free: the budget is more than half full. */
  get ample(): boolean {
    return this.tokens > this.limits.maxTokens / 2;
  }

  /** Whether a hedge is allowed: it leaves a token for a retry. */
  get spare(): boolean {
    return this.tokens >= 2;
  }

  /** Takes a token for a retry or a hedge. Returns whether there was one. */
  take(): boolean {
    if (!this.open) return false;
    this.#tokens--;
    return true;
  }

  /** Adds what a successful call is worth: the token of the retry that succeeded, otherwise `tokenRatio`. */
  succeeded(retryTookToken: boolean): void {
    this.#add(retryTookToken ? 1 : this.limits.tokenRatio);
  }

  #add(tokens: number): void {
    if (this.#tokens < this.limits.maxTokens) this.#tokens = Math.min(this.limits.maxTokens, this.#tokens + tokens);
  }
}
