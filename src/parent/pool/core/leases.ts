/** Which leases are out, and on which runners. */
import type { LeaseKey } from "./events.ts";
import type { RunnerRecord } from "./routing.ts";

export class Leases {
  readonly #owners: Map<number, string> = new Map();
  #next = 1;

  /** Leases that are out. */
  get size(): number {
    return this.#owners.size;
  }

  /** Takes a slot of a runner. */
  take(runner: RunnerRecord): LeaseKey {
    const lease = this.#next++;
    this.#owners.set(lease, runner.id);
    runner.used++;
    runner.served++;
    runner.lastGrant = lease;
    return { lease, runnerId: runner.id };
  }

  /** Gives a slot back; `false` for a lease that is not out any more. */
  giveBack(key: LeaseKey, runner: RunnerRecord | undefined): boolean {
    if (!this.#owners.delete(key.lease)) return false;
    if (runner !== undefined) runner.used--;
    return true;
  }

  /** Forgets the leases on a runner. */
  drop(runnerId: string): void {
    for (const [lease, owner] of this.#owners) if (owner === runnerId) this.#owners.delete(lease);
  }
}
