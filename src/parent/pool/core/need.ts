/**
 * How many runners a pool has needed, and since when it has not needed more. An idle clock of each runner cannot tell:
 * with `spread`, each call of a trickle resets another runner's. Pure.
 */
export class Need {
  #runners = 0;
  /** By number of runners: when so many were needed last. */
  readonly #until: Array<number> = [];

  /** So many runners are needed from `now` on. Costs as much as the number fell. */
  set(runners: number, now: number): void {
    for (let count = runners + 1; count <= this.#runners; count++) this.#until[count] = now;
    this.#runners = runners;
  }

  /** Since when fewer than `count` runners are needed; `Infinity` while so many are. */
  unneededSince(count: number): number {
    return count <= this.#runners ? Infinity : (this.#until[count] ?? -Infinity);
  }
}
