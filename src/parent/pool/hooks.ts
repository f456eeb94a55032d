/**
 * Tells telemetry and the user's hooks what a pool does. Whatever a hook or another function of the user does in place of
 * its work is one log record for each series of failures; the pool goes on.
 */
import { FailureSeries } from "../../contract/failure-series.ts";
import type { ResolvedPool } from "../../contract/config/resolve-pool.ts";
import { catchRejection, thrownText } from "../../contract/user-function.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import type { UserFunctionName } from "./core/events.ts";

/** What holds where a function that the pool decides with gives no answer that can be used. */
export const decisionFallbacks: Readonly<Record<UserFunctionName, string>> = {
  scaling: "reactive decides how many runners there are",
  idleShutdownMs: "the runners that it was asked about stay",
};

export class PoolHooks {
  readonly #pool: ResolvedPool;
  readonly #telemetry: Telemetry;
  readonly #episodes = new Map<string, FailureSeries>();

  constructor(pool: ResolvedPool, telemetry: Telemetry) {
    this.#pool = pool;
    this.#telemetry = telemetry;
  }

  scaled(from: number, to: number, reason: string): void {
    const pool = this.#pool.name;
    const { onGrow, onShrink } = this.#pool.hooks;
    this.#telemetry.emit({ _tag: "PoolScaled", pool, from, to, reason });
    if (to > from) this.#call("onGrow", () => onGrow?.({ pool, from, to, reason }));
    else this.#call("onShrink", () => onShrink?.({ pool, from, to, reason }));
  }

  saturated(waiting: number, limit: number): void {
    const pool = this.#pool.name;
    this.#telemetry.emit({ _tag: "PoolSaturated", pool, pending: waiting, limit });
    this.#call("onSaturated", () => this.#pool.hooks.onSaturated?.({ pool, waiting, limit }));
  }

  /** Says, once for each series, what a function of the user did and what the pool does now. */
  misbehaved(name: string, fault: string, fallback: string, error?: unknown): void {
    let episode = this.#episodes.get(name);
    if (episode === undefined) this.#episodes.set(name, (episode = new FailureSeries()));
    if (!episode.begins(performance.now())) return;
    this.#telemetry.emit({ _tag: "UserFunctionFailed", pool: this.#pool.name, name, fault, fallback, error });
  }

  #call(hook: string, run: () => unknown): void {
    const failed = (how: string) => (error: unknown) =>
      this.misbehaved(hook, `${how} ${thrownText(error)}`, "the pool goes on", error);
    try {
      catchRejection(run(), failed("rejected with"));
    } catch (error) {
      failed("threw")(error);
    }
  }
}
