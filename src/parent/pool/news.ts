/** Tells telemetry and the user's hooks what a pool does. A hook that throws is logged; the pool goes on. */
import type { Logger } from "../../contract/options.ts";
import type { ResolvedPool } from "../../contract/resolve-pool.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";

export class PoolNews {
  readonly #pool: ResolvedPool;
  readonly #telemetry: Telemetry;
  readonly #logger: Logger | undefined;

  constructor(pool: ResolvedPool, telemetry: Telemetry, logger: Logger | undefined) {
    this.#pool = pool;
    this.#telemetry = telemetry;
    this.#logger = logger;
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

  #call(hook: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      (this.#logger ?? console).error(`firelight: ${hook} of the pool "${this.#pool.name}" threw; the pool goes on`, {
        error,
      });
    }
  }
}
