/** Whether boots may be tried: not for a while after one failed, longer after each failure in a row. */
import type { PoolCommand } from "./events.ts";

export class BootBackoff {
  /** Whether a boot may be tried now. */
  open = true;
  /** What went wrong last. */
  lastError: unknown;
  #failures = 0;

  /** A boot failed, or a runner died before it served anything. */
  fail(error: unknown): PoolCommand {
    this.open = false;
    this.lastError = error;
    return { _tag: "AllowBootLater", failures: ++this.#failures };
  }

  /** A runner has served a call. */
  served(): void {
    this.#failures = 0;
  }
}
