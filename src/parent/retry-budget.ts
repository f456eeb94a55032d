/**
 * The retry budget of a pool: how much its calls may be tried again, whoever makes them. A bucket of tokens, after gRPC's retry
 * throttling: failures cost, successes earn, and below half there are no more attempts than calls. Pure.
 */
import type { RetryBudgetOptions } from "../contract/config/options.ts";

export class RetryBudget {
  readonly limits: Required<RetryBudgetOptions>;
  #tokens: number;

  constructor(limits: Required<RetryBudgetOptions>) {
    this.limits = limits;
    this.#tokens = limits.maxTokens;
  }

  /** From 0 to `maxTokens`. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Whether further attempts may be made: more than half of the tokens are left. */
  get open(): boolean {
    return this.#tokens > this.limits.maxTokens / 2;
  }

  /** Whether a hedge may take a token: it must leave the budget open for failures. */
  get spare(): boolean {
    return this.#tokens - 1 > this.limits.maxTokens / 2;
  }

  /** Takes a token for a failure, or for a hedge. Tells whether a further attempt may be made after it. */
  charge(): boolean {
    this.#tokens = Math.max(0, this.#tokens - 1);
    return this.open;
  }

  /** Puts back what a success is worth. */
  earn(): void {
    if (this.#tokens < this.limits.maxTokens) {
      this.#tokens = Math.min(this.limits.maxTokens, this.#tokens + this.limits.tokenRatio);
    }
  }
}
