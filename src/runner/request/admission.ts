/**
 * Decides whether a verified invocation may start, and tracks the running ones: a drain waits for them and cancels the
 * rest.
 */
import { InvokeError } from "../../contract/errors.ts";

export interface AdmissionOptions {
  readonly runnerId: string;
  /**
   * Maximum number of invocations at a time; more are rejected with `overloaded`. Default: unlimited, the pool limits
   * them.
   */
  readonly maxConcurrency?: number;
  /** Rejects invocations until {@link Admission.open} is called. Default `false`. */
  readonly starting?: boolean;
}

/** An admitted invocation. */
export class Permit {
  readonly #running: Set<Permit>;
  /** Whether it was canceled because the runner is stopping. */
  canceled: boolean;
  /** Cancels the invocation. Set once it runs. */
  onCancel: (() => void) | undefined;
  readonly #onIdle: () => void;

  constructor(running: Set<Permit>, onIdle: () => void) {
    this.#running = running;
    this.#onIdle = onIdle;
    this.canceled = false;
    this.onCancel = undefined;
    running.add(this);
  }

  cancel(): void {
    this.canceled = true;
    this.onCancel?.();
  }

  /** The invocation has ended. */
  release(): void {
    this.#running.delete(this);
    if (this.#running.size === 0) this.#onIdle();
  }
}

export interface Admission {
  /** A permit, or the error of the rejection. A rejected invocation has provably not run. */
  admit(): Permit | InvokeError;
  readonly inFlight: number;
  /** Whether the runner is not ready yet. */
  readonly starting: boolean;
  readonly draining: boolean;
  /** `performance.now()` of the latest request for admission; `undefined` before the first one. */
  readonly askedAt: number | undefined;
  /** Admits invocations from now on: the runner is ready. */
  open(): void;
  /** Rejects invocations from now on. */
  close(): void;
  /** Settles when no invocation is running. */
  idle(): Promise<void>;
  /** Cancels all running invocations. Returns their number. */
  cancelAll(): number;
}

/** Delay after which a full or starting runner may admit an invocation, in milliseconds. */
const retryAfterMs = 100;

export const makeAdmission = (options: AdmissionOptions): Admission => {
  const { runnerId, maxConcurrency = Infinity } = options;
  const running = new Set<Permit>();
  let waiting: Array<() => void> = [];
  let { starting = false } = options;
  let draining = false;
  let askedAt: number | undefined;

  const onIdle = (): void => {
    const settled = waiting;
    waiting = [];
    for (const settle of settled) settle();
  };

  return {
    admit: () => {
      askedAt = performance.now();
      if (draining) {
        return new InvokeError(
          "unavailable",
          `Runner ${runnerId} is stopping and accepts no invocations. The invocation did not run; another runner can run it.`,
          {
            runnerId,
            phase: "runner_queue",
          },
        );
      }
      if (starting) {
        return new InvokeError(
          "unavailable",
          `Runner ${runnerId} is not ready yet: its onRunnerStart is still running. The invocation did not run.`,
          { runnerId, phase: "runner_queue", retryAfterMs },
        );
      }
      if (running.size >= maxConcurrency) {
        return new InvokeError(
          "overloaded",
          `Runner ${runnerId} is running ${running.size} invocations, which is its maxConcurrency. The invocation did not run.`,
          {
            runnerId,
            phase: "runner_queue",
            retryAfterMs,
          },
        );
      }
      return new Permit(running, onIdle);
    },
    get inFlight() {
      return running.size;
    },
    get starting() {
      return starting;
    },
    get draining() {
      return draining;
    },
    get askedAt() {
      return askedAt;
    },
    open: () => {
      starting = false;
    },
    close: () => {
      draining = true;
    },
    idle: () => (running.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    cancelAll: () => {
      const all = [...running];
      for (const permit of all) permit.cancel();
      return all.length;
    },
  };
};
