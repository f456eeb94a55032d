/**
 * Reports to telemetry and to the user's hooks what a pool does. A user function that fails is logged once per series
 * of failures, and the pool goes on.
 */
import { FailureSeries } from "../../contract/failure-series.ts";
import type { ResolvedPool } from "../../contract/config/resolve-pool.ts";
import { catchRejection, thrownText } from "../../contract/user-function.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import type { UserFunctionName } from "./core/events.ts";

/** What applies when a user function that the pool decides with returns no usable value. */
export const decisionFallbacks: Readonly<Record<UserFunctionName, string>> = {
  scaling: "the reactive policy decides the number of runners",
  idleShutdownMs: "the runners in question stay",
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

  /** Reports, once per series of failures, what a user function did and what applies instead. */
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
