/** The processes that a parent knows behind one runner's address, and how late it is by their clocks. */
import { clockAnchorMs, clockStepMs } from "../contract/wire/clock.ts";
import { type InstanceNote, withInstance } from "../contract/wire/instance.ts";

/** Processes remembered for one address; there are several where something spreads requests over replicas. */
const maxKnown = 16;

/** Two monotonic clocks drift apart by less than a second in this time; then the process is asked again. In milliseconds. */
const trustedMs = 3_600_000;

interface Known {
  readonly id: string;
  /** The instance's clock less `performance.now()`. */
  readonly offsetMs: number;
  /** `performance.now()` when it said so. */
  readonly learnedAt: number;
  /** {@link clockAnchorMs} then. */
  readonly anchorMs: number;
}

export class KnownInstances {
  /** The newest first. */
  #known: ReadonlyArray<Known> = [];
  #unnamed = false;

  /** What a request that is signed now names as its audience; `undefined` when the runner must be asked first. */
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

  /** Takes what a process said of itself in the answer to a request. Both times by `performance.now()`. */
  learn({ id, nowMs }: InstanceNote, sentAt: number, answeredAt: number): void {
    const known = { id, offsetMs: nowMs - (sentAt + answeredAt) / 2, learnedAt: answeredAt, anchorMs: clockAnchorMs() };
    this.#known = [known, ...this.#known.filter((other) => other.id !== id)].slice(0, maxKnown);
  }

  /** The runner has no instances: it is of an older version. */
  learnUnnamed(): void {
    this.#unnamed = true;
  }

  /** What is known was of no use: the runner is asked before the next request. */
  forget(): void {
    this.#known = [];
    this.#unnamed = false;
  }
}
