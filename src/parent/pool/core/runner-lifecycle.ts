/** How runners leave a pool: at once, after their calls, or because they were lost. */
import type { TerminationReason } from "../../../telemetry/telemetry.ts";
import { PoolStateBase } from "./pool-state-base.ts";
import type { PoolCommand } from "./events.ts";
import type { RunnerRecord } from "./routing.ts";

/** Whether boots are allowed: not for some time after a failure, and longer after each failure in a row. */
export class BootBackoff {
  /** Whether a boot is allowed now. */
  open = true;
  /** The last failure. */
  lastError: unknown;
  #failures = 0;

  /** A boot failed, or a runner exited before it served a call. */
  fail(error: unknown): PoolCommand {
    this.open = false;
    this.lastError = error;
    return { _tag: "AllowBootLater", failures: ++this.#failures };
  }

  /** A runner has served a call. */
  served(): void {
    this.#failures = 0;
  }
}

export type Commands = Array<PoolCommand>;

export class RunnerLifecycle extends PoolStateBase {
  protected readonly boots: BootBackoff = new BootBackoff();
  protected now = 0;

  /** Why boots are paused. */
  get bootFailure(): { readonly error: unknown } | undefined {
    return this.boots.open ? undefined : { error: this.boots.lastError };
  }

  protected lost(runnerId: string, told: TerminationReason, commands: Commands): void {
    const runner = this.runners.get(runnerId);
    if (runner === undefined) return;
    const reason = runner.leaving && runner.used === 0 ? "drain" : told;
    this.leases.drop(runnerId);
    commands.push({ _tag: "FailCalls", runnerId, reason });
    const failed = reason === "crash" || reason === "unhealthy";
    if (this.supply === "elastic" && failed && runner.served === 0)
      commands.push(this.boots.fail(`a runner exited before it served a call (${reason}).`));
    this.remove(runner, reason, commands);
  }

  /** Lets a runner finish its calls, then terminates it. */
  protected retire(runner: RunnerRecord, reason: TerminationReason, commands: Commands): void {
    if (this.supply === "fixed" || runner.phase === "draining") return;
    if (runner.used === 0) return this.remove(runner, reason, commands);
    this.drain(runner, reason, commands);
  }

  protected drain(runner: RunnerRecord, reason: TerminationReason, commands: Commands): void {
    runner.phase = "draining";
    runner.drainSince = this.now;
    runner.drainReason = reason;
    commands.push({ _tag: "Draining", runnerId: runner.id, reason });
  }

  protected remove(runner: RunnerRecord, reason: TerminationReason, commands: Commands): void {
    this.runners.delete(runner.id);
    commands.push({ _tag: "Terminate", runnerId: runner.id, reason });
  }
}
