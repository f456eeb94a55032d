/** Calls that wait for a slot, first come first served; leaving the line costs as little as joining it. */
import type { RunnerPreference } from "./events.ts";

/** A call that waits. */
export interface WaitingCall {
  readonly waiterId: number;
  readonly preference: RunnerPreference;
}

export class WaitQueue {
  readonly #waiters: Map<number, WaitingCall> = new Map();

  get size(): number {
    return this.#waiters.size;
  }

  add(waitingCall: WaitingCall): void {
    this.#waiters.set(waitingCall.waiterId, waitingCall);
  }

  remove(waiterId: number): void {
    this.#waiters.delete(waiterId);
  }

  /** The one that has waited longest. */
  first(): WaitingCall | undefined {
    for (const waitingCall of this.#waiters.values()) return waitingCall;
    return undefined;
  }

  /** Empties the line; gives who was in it, in order. */
  drain(): ReadonlyArray<WaitingCall> {
    const all = [...this.#waiters.values()];
    this.#waiters.clear();
    return all;
  }
}
