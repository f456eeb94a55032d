/** Tells a pool that time has passed, as often as its bounds need it. */
import type { PoolBounds } from "../../contract/config/pool-bounds.ts";

/** Milliseconds between two looks at the clock: a quarter of the shortest time that matters, 20 ms to a second. */
const tickMs = ({ idleShutdownMs, minIdleShutdownMs, maxAgeMs, drainTimeoutMs }: PoolBounds): number => {
  const idleMs = typeof idleShutdownMs === "number" ? idleShutdownMs : 1_000;
  return Math.min(1_000, Math.max(20, Math.min(idleMs, minIdleShutdownMs, maxAgeMs, drainTimeoutMs) / 4));
};

export class TickTimer {
  readonly #run: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(run: () => void) {
    this.#run = run;
  }

  /** Starts, or starts again with other bounds. Does not keep the process alive. */
  start(bounds: PoolBounds): void {
    this.stop();
    this.#timer = setInterval(this.#run, tickMs(bounds)).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
