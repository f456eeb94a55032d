/**
 * The retry budget of a pool limits the retries of all its calls. A token bucket as in gRPC's retry throttling:
 * failures take tokens, successes add some, and calls are not retried while half of the tokens or fewer are left. Pure.
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

  /** Whether retries are allowed: more than half of the tokens are left. */
  get open(): boolean {
    return this.#tokens > this.limits.maxTokens / 2;
  }

  /** Whether a hedge may take a token: retries must still be allowed afterwards. */
  get spare(): boolean {
    return this.#tokens - 1 > this.limits.maxTokens / 2;
  }

  /** Takes a token for a failure or a hedge. Returns whether a retry is allowed afterwards. */
  charge(): boolean {
    this.#tokens = Math.max(0, this.#tokens - 1);
    return this.open;
  }

  /** Adds the tokens of a success. */
  earn(): void {
    if (this.#tokens < this.limits.maxTokens) {
      this.#tokens = Math.min(this.limits.maxTokens, this.#tokens + this.limits.tokenRatio);
    }
  }
}
