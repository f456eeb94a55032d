/** Adds up slot-seconds, used and offered, so that utilization needs no sampling. */
export class SlotTime {
  #since: number;
  busySeconds = 0;
  availableSeconds = 0;

  constructor(nowMs: number) {
    this.#since = nowMs;
  }

  /** Counts the time since the last call, during which this many slots were used and provisioned. */
  advance(nowMs: number, used: number, provisioned: number): void {
    const seconds = (nowMs - this.#since) / 1000;
    this.#since = nowMs;
    this.busySeconds += used * seconds;
    this.availableSeconds += Math.max(used, provisioned) * seconds;
  }
}
