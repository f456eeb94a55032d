/**
 * Notices that a parent has been silent for too long. Looks are counted, not time: a process that got no processor,
 * or was kept busy by a handler, has not read yet what its parent sent meanwhile.
 */
import { maxTimerMs } from "../../contract/validation/check-number.ts";

/** Looks within one timeout. */
const looksPerTimeout = 10;

export interface HeartbeatTimeoutOptions {
  /** Milliseconds of silence that make an orphan. */
  readonly timeoutMs: number;
  /** Whether invocations are running: the wait begins when they are done. */
  readonly busy: () => boolean;
  /** Called once. */
  readonly onOrphaned: () => void;
}

export class HeartbeatTimeout {
  readonly #options: HeartbeatTimeoutOptions;
  readonly #timer: NodeJS.Timeout;
  #silentLooks = 0;

  /** Starts to wait. Does not keep the process alive. */
  constructor(options: HeartbeatTimeoutOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), Math.min(options.timeoutMs / looksPerTimeout, maxTimerMs)).unref();
  }

  /** A verified request has arrived. */
  onHeartbeat(): void {
    this.#silentLooks = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#options.busy() || ++this.#silentLooks < looksPerTimeout) return;
    this.stop();
    this.#options.onOrphaned();
  }
}
