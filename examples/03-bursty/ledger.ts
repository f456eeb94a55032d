/** The ledger: the outcome of every call, for comparison with the metrics. */
import { FlameError, type FlameErrorCode, type RpcStatus } from "firelight";
import { metrics } from "firelight/catalog";
import type { Scrape } from "../shared/prometheus-text.ts";

export type Outcome = "ok" | FlameErrorCode;

export class Ledger {
  /** Calls made. */
  made = 0;
  /** Errors that calls ended with. */
  readonly failures: Array<FlameError> = [];
  readonly #outcomes = new Map<Outcome, number>();
  readonly #statuses = new Map<RpcStatus, number>();

  /** Calls that have ended. */
  get ended(): number {
    return [...this.#outcomes.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Records a call and its outcome. Errors that are not Firelight's are bugs and are rethrown. */
  async enter(call: Promise<unknown>): Promise<void> {
    this.made++;
    try {
      await call;
      this.#end("ok", "OK");
    } catch (error) {
      if (!(error instanceof FlameError)) throw error;
      this.#end(error.code, error.status);
      this.failures.push(error);
    }
  }

  count(outcome: Outcome): number {
    return this.#outcomes.get(outcome) ?? 0;
  }

  /** How often each outcome came, the most frequent first. */
  get outcomes(): ReadonlyArray<readonly [outcome: Outcome, count: number]> {
    return [...this.#outcomes].toSorted(([, left], [, right]) => right - left);
  }

  /** Returns the statuses that ledger and metrics count differently. */
  differences(scrape: Scrape): ReadonlyArray<string> {
    const name = `${metrics.callDuration.name}_count`;
    const statuses = new Set<string>([...this.#statuses.keys(), ...scrape.values(name, "rpc_status_code")]);
    return [...statuses].flatMap((status) => {
      const here = this.#statuses.get(status as RpcStatus) ?? 0;
      const there = scrape.sum(name, { rpc_status_code: status });
      return here === there ? [] : [`${status}: ${here} in the ledger, ${there} in the metrics`];
    });
  }

  #end(outcome: Outcome, status: RpcStatus): void {
    this.#outcomes.set(outcome, this.count(outcome) + 1);
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
  }
}
