/**
 * Listeners of an abort signal, many for the price of one: a handler that makes thousands of calls at a time has thousands of
 * listeners on its signal, and an event target looks through all of them for each that comes or goes.
 */
const listenersOf: WeakMap<AbortSignal, Listeners> = new WeakMap();

class Listeners {
  readonly #signal: AbortSignal;
  readonly #all = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  readonly #aborted = (): void => {
    for (const listener of [...this.#all]) if (this.#all.delete(listener)) listener();
  };

  add(listener: () => void): void {
    if (this.#all.size === 0) this.#signal.addEventListener("abort", this.#aborted, { once: true });
    this.#all.add(listener);
  }

  /** The last one takes the event listener off: with one, a signal made of others is kept in memory. */
  remove(listener: () => void): void {
    if (this.#all.delete(listener) && this.#all.size === 0) this.#signal.removeEventListener("abort", this.#aborted);
  }
}

/** Calls back once when the signal is aborted from now on. Returns how to stop listening. */
export const onAbort = (signal: AbortSignal, listener: () => void): (() => void) => {
  let listeners = listenersOf.get(signal);
  if (listeners === undefined) listenersOf.set(signal, (listeners = new Listeners(signal)));
  const own = (): void => listener();
  listeners.add(own);
  return () => listeners.remove(own);
};
