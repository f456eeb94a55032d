/**
 * Runners and boots that are being terminated. A runner that its backend fails to terminate is reported, and not
 * awaited forever.
 */
import { maxTimerMs } from "../../../contract/validation/check-number.ts";
import type { ResolvedPool } from "../../../contract/config/resolve-pool.ts";
import { thrownText } from "../../../contract/user-function.ts";
import type { Telemetry } from "../../../telemetry/telemetry.ts";
import { late, within } from "../to-promise.ts";

export class Terminations {
  readonly #pool: ResolvedPool;
  readonly #telemetry: Telemetry;
  readonly #open: Set<Promise<unknown>> = new Set();

  constructor(pool: ResolvedPool, telemetry: Telemetry) {
    this.#pool = pool;
    this.#telemetry = telemetry;
  }

  add(runnerId: string, ending: Promise<unknown>): void {
    const { name: pool, backend, spawnTimeoutMs, bounds } = this.#pool;
    const maxMs = 2 * Math.max(spawnTimeoutMs, Math.min(bounds.drainTimeoutMs, maxTimerMs / 2));
    const failed = (fault: string, error?: unknown): void =>
      this.#telemetry.emit({
        _tag: "RunnerNotEnded",
        pool,
        runnerId,
        backend: backend?.name ?? "custom",
        fault,
        error,
      });
    const open = within(maxMs, ending)
      .then(
        (how) => (how === late ? failed(`it did not settle within ${maxMs} ms`) : undefined),
        (error: unknown) => failed(thrownText(error), error),
      )
      .finally(() => this.#open.delete(open));
    this.#open.add(open);
  }

  /** Settles when all terminations are done. */
  async over(): Promise<void> {
    await Promise.allSettled(this.#open);
  }
}
