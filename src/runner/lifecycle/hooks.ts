/** Runs `onRunnerStart` and `onRunnerStop` of a runner: each once, in this order, and with a timeout. */
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

/** Whether the work ended within `ms` milliseconds. Never rejects. */
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

  /** Whether `onRunnerStart` still has to run. */
  get hasStart(): boolean {
    return this.#state === "new" && this.#options.hooks.onRunnerStart !== undefined;
  }

  /** How long `onRunnerStart` took, in milliseconds; `undefined` if there is none. */
  get startMs(): number | undefined {
    return this.#startMs;
  }

  /**
   * Runs `onRunnerStart`, once. `undefined` if there is nothing to wait for.
   *
   * @throws {InvokeError} (as a rejection) with the thrown value as its cause.
   */
  start(): Promise<void> | undefined {
    const { onRunnerStart } = this.#options.hooks;
    if (onRunnerStart === undefined) this.#state = "started";
    else if (this.#state === "new") this.#starting = this.#start(onRunnerStart);
    return this.#state === "started" ? undefined : this.#starting;
  }

  /** Runs `onRunnerStop`, once, if the runner has started. Settles within `boundMs` milliseconds, and never rejects. */
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
        new InvokeError("canceled", `Runner ${runnerId} was stopped while onRunnerStart was running.`, { runnerId }),
      );
      if (!(await within(leftMs(), this.#starting!)))
        logger.warn(
          `Runner ${runnerId} exits while onRunnerStart is still running, because onRunnerStart ignores its signal.`,
        );
    }
    if (this.#state !== "started" || hooks.onRunnerStop === undefined) return;
    const abort = new AbortController();
    const expire = (): void =>
      abort.abort(
        new InvokeError("timeout", `onRunnerStop of runner ${runnerId} timed out after ${Math.round(boundMs)} ms.`, {
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
      `Runner ${runnerId} exits while onRunnerStop is still running: it exceeded the remaining ${Math.round(boundMs)} ms of drainTimeoutMs.`,
    );
  }

  #context(signal: AbortSignal): RunnerHookContext {
    const { runnerId, poolName, isolation, logger } = this.#options;
    return { runnerId, poolName, isolation, logger, signal };
  }
}
