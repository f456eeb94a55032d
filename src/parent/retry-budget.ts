/**
 * The retry budget of a pool: how much its calls may be tried again, whoever makes them. A bucket of tokens, after gRPC's retry
 * throttling: failures cost, successes earn, and below half there are no more attempts than calls. Pure.
 */

/** What a budget is made from; see `RetryBudgetOptions` for what the fields mean. */
export interface RetryBudgetLimits {
  readonly maxTokens: number;
  readonly tokenRatio: number;
}

export class RetryBudget {
  readonly limits: RetryBudgetLimits;
  #tokens: number;

  constructor(limits: RetryBudgetLimits) {
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
