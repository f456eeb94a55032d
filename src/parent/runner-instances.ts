/** The processes that a parent knows behind the address of a runner, and the time by their clocks. */
import { clockAnchorMs, clockStepMs } from "../contract/wire/clock.ts";
import { type InstanceNote, withInstance } from "../contract/wire/instance.ts";

/** Maximum number of processes that are remembered per address. There are several behind a load balancer. */
const maxKnown = 16;

/** How long a process is trusted, in milliseconds. Monotonic clocks drift by less than a second in this time. */
const trustedMs = 3_600_000;

interface Known {
  readonly id: string;
  /** The clock of the instance minus `performance.now()`. */
  readonly offsetMs: number;
  /** `performance.now()` when this was learned. */
  readonly learnedAt: number;
  /** {@link clockAnchorMs} at that time. */
  readonly anchorMs: number;
}

export class KnownInstances {
  /** The newest first. */
  #known: ReadonlyArray<Known> = [];
  #unnamed = false;

  /** The audience of a request that is signed now; `undefined` if the runner must be asked first. */
  audience(runner: string): string | undefined {
    if (this.#known.length === 0) return this.#unnamed ? runner : undefined;
    const now = performance.now();
    const anchorMs = clockAnchorMs();
    let audience = runner;
    for (const known of this.#known) {
      const trusted = now - known.learnedAt < trustedMs && Math.abs(anchorMs - known.anchorMs) < clockStepMs;
      if (trusted) audience = withInstance(audience, known.id, now + known.offsetMs);
    }
    return audience === runner ? undefined : audience;
  }

  /** Learns a process from its response to a request. Both times are of `performance.now()`. */
  learn({ id, nowMs }: InstanceNote, sentAt: number, answeredAt: number): void {
    const known = { id, offsetMs: nowMs - (sentAt + answeredAt) / 2, learnedAt: answeredAt, anchorMs: clockAnchorMs() };
    this.#known = [known, ...this.#known.filter((other) => other.id !== id)].slice(0, maxKnown);
  }

  /** The runner has no instances: its version is older. */
  learnUnnamed(): void {
    this.#unnamed = true;
  }

  /** Forgets all processes, so that the runner is asked before the next request. */
  forget(): void {
    this.#known = [];
    this.#unnamed = false;
  }
}
