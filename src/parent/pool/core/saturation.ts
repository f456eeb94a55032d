/** Notices when a pool becomes saturated: once, until nobody waits and a fifth of its slots is free again. */
export class Saturation {
  #on = false;

  /** Whether it has just begun. */
  begins(waiting: number, used: number, limit: number): boolean {
    if (waiting > 0 && used >= limit) {
      const begun = !this.#on;
      this.#on = true;
      return begun;
    }
    if (waiting === 0 && used <= limit * 0.8) this.#on = false;
    return false;
  }
}
