/**
 * Detects that no heartbeat has arrived for too long. It counts checks instead of time: a process without CPU time, or
 * with a CPU-bound handler, has not yet read what its parent sent meanwhile.
 */
import { maxTimerMs } from "../../contract/validation/check-number.ts";

/** Checks per timeout. */
const checksPerTimeout = 10;

export interface HeartbeatTimeoutOptions {
  /** How long the runner waits for a heartbeat, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether invocations are running. The wait starts when they have ended. */
  readonly busy: () => boolean;
  /** Called once. */
  readonly onOrphaned: () => void;
}

export class HeartbeatTimeout {
  readonly #options: HeartbeatTimeoutOptions;
  readonly #timer: NodeJS.Timeout;
  #silentChecks = 0;

  /** Starts waiting. Does not keep the process alive. */
  constructor(options: HeartbeatTimeoutOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#check(), Math.min(options.timeoutMs / checksPerTimeout, maxTimerMs)).unref();
  }

  /** A verified request has arrived. */
  onHeartbeat(): void {
    this.#silentChecks = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    if (this.#options.busy() || ++this.#silentChecks < checksPerTimeout) return;
    this.stop();
    this.#options.onOrphaned();
  }
}
