/** Scales a pool: boots missing runners, terminates unneeded ones, and cancels unneeded boots. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import { FailureSeries } from "../../../contract/failure-series.ts";
import { reactive } from "../../../contract/config/scaling.ts";
import { BootPatience } from "../runners/boot-cancellation.ts";
import type { UserFunctionName } from "./events.ts";
import { expiredRunners, Need, surplus } from "./expiry.ts";
import type { RunnerRecord } from "./routing.ts";
import { type Commands, RunnerLifecycle } from "./runner-lifecycle.ts";
import { Scaler } from "./autoscaler.ts";

export class PoolSizing extends RunnerLifecycle {
  readonly scaler: Scaler = new Scaler();
  protected readonly patience: BootPatience = new BootPatience();
  readonly #nameRunner: () => string;
  readonly #need = new Need();
  readonly #faults: Readonly<Record<UserFunctionName, FailureSeries>> = {
    scaling: new FailureSeries(),
    idleShutdownMs: new FailureSeries(),
  };
  /** When the next check of the boots is due. */
  #checkAt = Infinity;
  protected busyAt = 0;
  /** Whether the pool is below `min` because no call was made for long. */
  protected asleep = false;

  /** @param fixedRunnerIds The runners of a pool that neither boots nor terminates any. */
  constructor(bounds: PoolBounds, nameRunner: () => string, fixedRunnerIds?: ReadonlyArray<string>) {
    super(bounds, fixedRunnerIds);
    this.#nameRunner = nameRunner;
  }

  /** Terminates runners that are unneeded, too old, or draining for too long. */
  protected tick(commands: Commands): void {
    const idleMs = this.used === 0 && this.waiters.size === 0 ? this.now - this.busyAt : 0;
    this.asleep ||= idleMs >= this.bounds.minIdleShutdownMs;
    for (const { runner, why } of expiredRunners(this.runners, this.bounds, this.now)) {
      if (why === "old") this.retire(runner, "recycled", commands);
      else this.lost(runner.id, runner.drainReason ?? "drain", commands);
    }
    const target = this.#decide(commands);
    if (this.supply === "elastic") this.#shrink(target, commands);
  }

  /**
   * Boots the runners that `min` and the policy request, within `max`, or cancels boots that they no longer request.
   */
  protected scale(commands: Commands): void {
    if (this.supply === "fixed") return;
    const { max, maxConcurrency, scaling } = this.bounds;
    const min = this.asleep ? 0 : this.bounds.min;
    const { alive, booting, used } = this.runners.tally();
    const satisfied = scaling === reactive && this.waiters.size === 0 && alive >= min;
    const target = satisfied ? this.#needed(Math.ceil(used / maxConcurrency)) : this.#decide(commands);
    const wanted = Math.max(target, min);
    if (!satisfied && wanted > alive) {
      const count = Math.min(wanted - alive, max - this.runners.size);
      if (this.boots.open && count > 0)
        this.#boot(alive, count, target >= min ? this.scaler.decision.reason : `min is ${min}`, commands);
    } else if (booting > 0 && alive > wanted) {
      this.#cancelBoots(alive, Math.min(booting, alive - wanted), commands);
    }
  }

  /** The number of runners that the policy requests, at most `max`. */
  #decide(commands: Commands): number {
    const { target } = this.scaler.decide(this.runners, this.waiters.size, this.bounds);
    this.#report("scaling", this.scaler.fault, commands);
    return this.#needed(target);
  }

  #needed(target: number): number {
    const runners = Math.min(target, this.bounds.max);
    this.#need.set(runners, this.now);
    return runners;
  }

  #shrink(target: number, commands: Commands): void {
    const { bounds, now, runners } = this;
    const floor = Math.max(this.asleep ? 0 : bounds.min, target);
    for (const runner of runners.values()) runner.spared = false;
    const wanted = { floor, need: this.#need, asleep: this.asleep };
    const { ended, spared, fault } = surplus(runners, bounds, wanted, now);
    this.#report("idleShutdownMs", fault, commands);
    for (const runner of spared) runner.spared = true;
    for (const { runner, unneededMs } of ended) {
      const from = runners.count("ready");
      const idleMs = now - runner.idleSince;
      const reason =
        idleMs >= unneededMs
          ? `idle for ${Math.round(idleMs)} ms`
          : `not needed for ${Math.round(unneededMs)} ms: ${from - 1} ${from === 2 ? "was" : "were"} enough`;
      this.retire(runner, "idle", commands);
      commands.push({ _tag: "Scaled", from, to: from - 1, reason });
    }
  }

  #boot(alive: number, count: number, reason: string, commands: Commands): void {
    this.patience.wanted(this.now);
    for (let i = 0; i < count; i++) {
      const runnerId = this.#nameRunner();
      this.runners.add(runnerId, "booting", this.now);
      commands.push({ _tag: "Boot", runnerId, waiterId: this.waiters.first()?.waiterId, reason });
    }
    commands.push({ _tag: "Scaled", from: alive, to: alive + count, reason });
  }

  /** Cancels the newest boots among those that were unneeded for long enough, and schedules a check of the others. */
  #cancelBoots(alive: number, excess: number, commands: Commands): void {
    const newest = [...this.runners.values()].filter(({ phase }) => phase === "booting").slice(-excess);
    const due: Array<RunnerRecord> = [];
    let nextAt = Infinity;
    for (const [index, runner] of newest.toReversed().entries()) {
      const unneededSince = this.#need.unneededSince(alive - index);
      const dueAt = this.patience.dueAt(runner.readySince, unneededSince, this.now);
      if (dueAt <= this.now) due.push(runner);
      else nextAt = Math.min(nextAt, dueAt);
    }
    for (const { id } of due) {
      this.runners.delete(id);
      commands.push({ _tag: "CancelBoot", runnerId: id });
    }
    if (due.length > 0) {
      this.patience.canceled(this.now);
      const reason = `${due.length === 1 ? "a boot is" : `${due.length} boots are`} no longer needed`;
      commands.push({ _tag: "Scaled", from: alive, to: alive - due.length, reason });
    }
    this.#scheduleCheck(nextAt, commands);
  }

  #scheduleCheck(at: number, commands: Commands): void {
    if (this.#checkAt <= this.now) this.#checkAt = Infinity;
    if (at >= this.#checkAt) return;
    this.#checkAt = at;
    commands.push({ _tag: "ScheduleTick", afterMs: at - this.now });
  }

  #report(name: UserFunctionName, fault: string | undefined, commands: Commands): void {
    if (fault !== undefined && this.#faults[name].begins(this.now)) commands.push({ _tag: "Misbehaved", name, fault });
  }
}
