/** Kills runners while they are busy. */
import type { ProcessBackend } from "firelight/backends/process";
import type { Sample } from "./timeline.ts";

export class Killer {
  readonly #backend: ProcessBackend;
  readonly #ready: ReadonlySet<string>;
  readonly #onKill: (runnerId: string) => void;
  readonly victims: Array<string> = [];
  #wanted = 0;

  /** `ready` are the runners that have come up. */
  constructor(backend: ProcessBackend, ready: ReadonlySet<string>, onKill: (runnerId: string) => void) {
    this.#backend = backend;
    this.#ready = ready;
    this.#onKill = onKill;
  }

  /** Asks for one more kill, as soon as there is a moment for it. */
  want(): void {
    this.#wanted++;
  }

  /** Kills a runner with SIGKILL if one is wanted and all runners are busy, so that the victim has running calls. */
  strike({ stats }: Sample): void {
    const { busy, idle, draining } = stats.runners;
    if (this.victims.length >= this.#wanted || busy < 2 || idle + draining > 0) return;
    const victim = this.#backend.running().find(({ id }) => this.#ready.has(id) && !this.victims.includes(id));
    if (victim === undefined) return;
    this.victims.push(victim.id);
    process.kill(victim.pid, "SIGKILL");
    this.#onKill(victim.id);
  }
}
