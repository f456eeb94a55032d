/** Whether boots may be tried: not for a while after one failed, longer after each failure in a row. */
import type { PoolCommand } from "./events.ts";

export class BootGate {
  /** Whether a boot may be tried now. */
  open = true;
  #failures = 0;

  /** A boot failed, or a runner died before it served anything. */
  fail(): PoolCommand {
    this.open = false;
    return { _tag: "AllowBootLater", failures: ++this.#failures };
  }

  /** A runner has served a call. */
  served(): void {
    this.#failures = 0;
  }
}
