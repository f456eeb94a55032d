/** Calls that wait for a slot, first come first served; leaving the line costs as little as joining it. */
import type { RunnerWish } from "./events.ts";

/** A call that waits. */
export interface Waiter {
  readonly ticket: number;
  readonly wish: RunnerWish;
}

export class WaiterQueue {
  readonly #waiters: Map<number, Waiter> = new Map();

  get size(): number {
    return this.#waiters.size;
  }

  add(waiter: Waiter): void {
    this.#waiters.set(waiter.ticket, waiter);
  }

  remove(ticket: number): void {
    this.#waiters.delete(ticket);
  }

  /** The one that has waited longest. */
  first(): Waiter | undefined {
    for (const waiter of this.#waiters.values()) return waiter;
    return undefined;
  }

  /** Empties the line; gives who was in it, in order. */
  drain(): ReadonlyArray<Waiter> {
    const all = [...this.#waiters.values()];
    this.#waiters.clear();
    return all;
  }
}
