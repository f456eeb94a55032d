/** The books of a pool: its bounds, its runners, the leases that are out and the calls that wait, and what they add up to. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import { Leases } from "./leases.ts";
import { RunnerTable } from "./runner-table.ts";
import { WaitQueue } from "./wait-queue.ts";

export class PoolStateBase {
  /** Whether the pool boots and ends its runners, or they are just there. */
  readonly supply: "elastic" | "fixed";
  readonly runners: RunnerTable = new RunnerTable();
  readonly waiters: WaitQueue = new WaitQueue();
  protected readonly leases: Leases = new Leases();
  bounds: PoolBounds;

  /** The ids are of the runners of a pool that neither boots nor ends any. */
  constructor(bounds: PoolBounds, fixedRunnerIds: ReadonlyArray<string> | undefined) {
    this.bounds = bounds;
    this.supply = fixedRunnerIds === undefined ? "elastic" : "fixed";
    for (const id of fixedRunnerIds ?? []) this.runners.add(id, "ready", 0);
  }

  /** Leases held now. */
  get used(): number {
    return this.leases.size;
  }

  /** Most leases at a time. */
  get limit(): number {
    return this.bounds.max * this.bounds.maxConcurrency;
  }

  /**
   * Whether so few fixed runners answer that the probes are not believed any more, and calls that find no slot elsewhere
   * go to those that do not. A pool that boots its runners replaces them instead.
   */
  get panics(): boolean {
    if (this.supply === "elastic") return false;
    const ready = this.runners.count("ready");
    return ready === 0 || ready < this.runners.size * this.bounds.panicThreshold;
  }

  /** Slots on runners that take work. */
  get provisioned(): number {
    return this.runners.count("ready") * this.bounds.maxConcurrency;
  }
}
