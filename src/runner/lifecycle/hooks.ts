/** Runs a runner's `onRunnerStart` and `onRunnerStop`: each once, the second only after the first, and both bounded. */
import * as Effect from "effect/Effect";
import { maxTimerMs } from "../../contract/validation/check-number.ts";
import { InvokeError } from "../../contract/errors.ts";
import type { RunnerHook, RunnerHookContext, RunnerHooks } from "../../contract/config/runner-hooks.ts";
import { messageOf } from "../../contract/thrown.ts";

export interface LifeHooksOptions extends Omit<RunnerHookContext, "signal"> {
  readonly hooks: RunnerHooks;
}

const settled = async (hook: RunnerHook, context: RunnerHookContext): Promise<void> => {
  const given = hook(context);
  await (Effect.isEffect(given) ? Effect.runPromise(given as Effect.Effect<unknown, unknown>) : given);
};

/** Whether the work was over within so many milliseconds. Never rejects. */
const within = (ms: number, work: Promise<unknown>): Promise<boolean> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), Math.min(ms, maxTimerMs));
    const over = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    work.then(over, over);
  });

export class LifecycleHooks {
  readonly #options: LifeHooksOptions;
  readonly #startAbort = new AbortController();
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #state: "new" | "starting" | "started" | "failed" = "new";
  #startMs: number | undefined;

  constructor(options: LifeHooksOptions) {
    this.#options = options;
  }

  /** Whether `onRunnerStart` has to be run yet. */
  get hasStart(): boolean {
    return this.#state === "new" && this.#options.hooks.onRunnerStart !== undefined;
  }

  /** How long `onRunnerStart` took, in milliseconds; `undefined` where there is none. */
  get startMs(): number | undefined {
    return this.#startMs;
  }

  /**
   * Runs `onRunnerStart`, once; `undefined` when there is nothing to wait for any more.
   *
   * @throws {InvokeError} (as a rejection) with what it threw as its cause.
   */
  start(): Promise<void> | undefined {
    const { onRunnerStart } = this.#options.hooks;
    if (onRunnerStart === undefined) this.#state = "started";
    else if (this.#state === "new") this.#starting = this.#start(onRunnerStart);
    return this.#state === "started" ? undefined : this.#starting;
  }

  /** Runs `onRunnerStop`, once, if the runner had started. Settles after so many milliseconds at most, and never rejects. */
  stop(boundMs: number): Promise<void> {
    return (this.#stopping ??= this.#stop(performance.now() + boundMs, boundMs));
  }

  async #start(onRunnerStart: RunnerHook): Promise<void> {
    const startedAt = performance.now();
    this.#state = "starting";
    try {
      await settled(onRunnerStart, this.#context(this.#startAbort.signal));
      this.#startMs = performance.now() - startedAt;
      this.#state = "started";
    } catch (cause) {
      this.#state = "failed";
      const { runnerId } = this.#options;
      const elapsedMs = performance.now() - startedAt;
      throw new InvokeError(
        "unavailable",
        `onRunnerStart of runner ${runnerId} failed after ${Math.round(elapsedMs)} ms: ${messageOf(cause)}`,
        { runnerId, phase: "acquire", executed: "no", elapsedMs, cause },
      );
    }
  }

  async #stop(endsAt: number, boundMs: number): Promise<void> {
    const { hooks, runnerId, logger } = this.#options;
    const leftMs = (): number => Math.max(0, endsAt - performance.now());
    if (this.#state === "starting") {
      this.#startAbort.abort(
        new InvokeError("canceled", `Runner ${runnerId} is stopped while onRunnerStart is running.`, { runnerId }),
      );
      if (!(await within(leftMs(), this.#starting!)))
        logger.warn(`Runner ${runnerId} ends while onRunnerStart is still running: it ignores its signal.`);
    }
    if (this.#state !== "started" || hooks.onRunnerStop === undefined) return;
    const abort = new AbortController();
    const expire = (): void =>
      abort.abort(
        new InvokeError("timeout", `onRunnerStop of runner ${runnerId} has had its ${Math.round(boundMs)} ms.`, {
          runnerId,
        }),
      );
    if (leftMs() === 0) expire();
    const timer = setTimeout(expire, Math.min(leftMs(), maxTimerMs));
    const stopped = settled(hooks.onRunnerStop, this.#context(abort.signal)).catch((error: unknown) =>
      logger.error(`onRunnerStop of runner ${runnerId} failed: ${messageOf(error)}`, { error }),
    );
    const ended = await within(leftMs(), stopped);
    clearTimeout(timer);
    if (ended) return;
    expire();
    logger.warn(
      `Runner ${runnerId} ends while onRunnerStop is still running: the ${Math.round(boundMs)} ms that were left of drainTimeoutMs are over.`,
    );
  }

  #context(signal: AbortSignal): RunnerHookContext {
    const { runnerId, poolName, isolation, logger } = this.#options;
    return { runnerId, poolName, isolation, logger, signal };
  }
}
