/** Drives a pool's state machine like its shell does, with a model that checks each step. */
import type { PoolBounds } from "../../../src/contract/config/pool-bounds.ts";
import type { LeaseKey, PoolCommand, PoolEvent } from "../../../src/parent/pool/core/events.ts";
import type { PoolState } from "../../../src/parent/pool/core/state.ts";
import { bounds, PoolModel, RealPool } from "./model.ts";

export class Driver extends PoolModel {
  readonly #real: RealPool;

  constructor(given: Partial<PoolBounds>, fixedRunnerIds?: ReadonlyArray<string>) {
    super(bounds(given), fixedRunnerIds);
    this.#real = new RealPool(bounds(given), fixedRunnerIds);
    this.step({ _tag: "Tick" });
  }

  get state(): PoolState {
    return this.#real.state;
  }

  step(event: PoolEvent): ReadonlyArray<PoolCommand> {
    return this.apply(this.#real, event);
  }

  /** The latest command of a kind. */
  last(tag: PoolCommand["_tag"]): PoolCommand | undefined {
    return this.commands.findLast((command) => command._tag === tag);
  }

  acquire(avoid?: string, affinityKey?: string, remainingMs = Infinity): number {
    const waiterId = this.nextWaiterId();
    this.step({ _tag: "Acquire", waiterId, preference: { avoid, affinityKey }, remainingMs });
    return waiterId;
  }

  abandon(waiterId: number): void {
    this.step({ _tag: "Abandon", waiterId });
  }

  release(key: LeaseKey, heldMs = 1): void {
    this.step({ _tag: "Release", key, heldMs });
  }

  bootSucceeds(runnerId: string): void {
    this.step({ _tag: "BootSucceeded", runnerId });
  }

  bootFails(runnerId: string, error: unknown): void {
    this.step({ _tag: "BootFailed", runnerId, error });
  }

  allowBoots(): void {
    this.step({ _tag: "BootAllowed" });
  }

  lose(runnerId: string): void {
    this.step({ _tag: "Lost", runnerId, reason: "crash" });
  }

  /** Advances the clock. */
  advance(ms: number): ReadonlyArray<PoolCommand> {
    this.#real.now += ms;
    return this.step({ _tag: "Tick" });
  }

  update(given: Partial<PoolBounds>): void {
    this.step({ _tag: "Update", bounds: { ...this.state.bounds, ...given } });
  }
}
