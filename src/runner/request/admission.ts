/**
 * Decides whether a verified invocation may start now, and knows which ones are
 * running: a drain waits for them, and in the end cancels them.
 */
import { InvokeError } from "../../contract/errors.ts";

export interface AdmissionOptions {
  readonly runnerId: string;
  /** Invocations at a time; more are refused with `overloaded`. Default: as many as come, the pool bounds them. */
  readonly maxConcurrency?: number;
  /** Whether it lets nothing in before {@link Admission.open}. Default `false`. */
  readonly starting?: boolean;
}

/** An invocation that was let in. */
export interface Permit {
  /** Says how to stop it. Called at most once, by {@link Admission.cancelAll}. */
  onCancel(cancel: () => void): void;
  /** Whether it was canceled because the runner stops. */
  readonly canceled: boolean;
  /** Gives the place back. */
  release(): void;
}

export interface Admission {
  /** A permit, or the error to refuse with; a refused invocation has provably not executed. */
  admit(): Permit | InvokeError;
  readonly inFlight: number;
  /** Whether the runner is not ready yet. */
  readonly starting: boolean;
  readonly draining: boolean;
  /** `performance.now()` at which an invocation last asked to be let in; `undefined` as long as none has. */
  readonly askedAt: number | undefined;
  /** The runner is ready. */
  open(): void;
  /** Lets nothing in from now on. */
  close(): void;
  /** Settles when nothing is running. */
  idle(): Promise<void>;
  /** Cancels everything that is running. Returns how many that were. */
  cancelAll(): number;
}

/** Milliseconds after which it is worth asking a runner again that is full, or not ready. */
const retryAfterMs = 100;

class Entry implements Permit {
  readonly #leave: (entry: Entry) => void;
  #onCancel: (() => void) | undefined;
  canceled = false;

  constructor(leave: (entry: Entry) => void) {
    this.#leave = leave;
  }

  onCancel(cancel: () => void): void {
    if (this.canceled) cancel();
    else this.#onCancel = cancel;
  }

  cancel(): void {
    this.canceled = true;
    this.#onCancel?.();
  }

  release(): void {
    this.#leave(this);
  }
}

export const makeAdmission = (options: AdmissionOptions): Admission => {
  const { runnerId, maxConcurrency = Infinity } = options;
  const running = new Set<Entry>();
  let waiting: Array<() => void> = [];
  let { starting = false } = options;
  let draining = false;
  let askedAt: number | undefined;

  const leave = (entry: Entry): void => {
    running.delete(entry);
    if (running.size > 0) return;
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
          `Runner ${runnerId} is stopping and takes no new work. The invocation did not run; another runner can take it.`,
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
          `Runner ${runnerId} works on ${running.size} invocations, which is its maxConcurrency. The invocation did not run.`,
          {
            runnerId,
            phase: "runner_queue",
            retryAfterMs,
          },
        );
      }
      const entry = new Entry(leave);
      running.add(entry);
      return entry;
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
      for (const entry of all) entry.cancel();
      return all.length;
    },
  };
};
