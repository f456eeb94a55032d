/**
 * The runner hooks in local mode: the first call waits for `onRunnerStart`, and the shutdown of the instance runs
 * `onRunnerStop`.
 */
import * as Effect from "effect/Effect";
import { maxTimerMs } from "../../contract/validation/check-number.ts";
import type { Dispatcher } from "../../contract/wire/dispatcher.ts";
import { type CallError, InvokeError } from "../../contract/errors.ts";
import type { Logger } from "../../contract/config/options.ts";
import type { RunnerHooks } from "../../contract/config/runner-hooks.ts";
import { messageOf } from "../../contract/thrown.ts";
import { LifecycleHooks } from "./hooks.ts";

export interface LocalStart {
  /** The same dispatcher, which waits for `onRunnerStart`. */
  readonly dispatcher: Dispatcher;
  /**
   * Waits for running invocations, then runs `onRunnerStop` if the runner has started; both within `graceMs`
   * milliseconds.
   */
  stop(graceMs: number): Promise<void>;
}

const place = { phase: "acquire", executed: "no", retryable: false } as const;

/** Wraps a dispatcher with the hooks. After a failed start, the next call starts again. */
export const startLocally = (
  dispatcher: Dispatcher,
  hooks: RunnerHooks,
  poolName: string,
  logger: Logger,
): LocalStart => {
  const fresh = (): LifecycleHooks =>
    new LifecycleHooks({ hooks, runnerId: "local", poolName, isolation: "none", logger });
  let life = fresh();
  let running = 0;
  let idle = (): void => {};

  const failed = (tried: LifecycleHooks, error: Error): CallError => {
    if (life === tried) life = fresh();
    return new InvokeError("no_runner", messageOf(error), { ...place, cause: error.cause });
  };

  const prepare = (timeoutMs: number): Effect.Effect<void, CallError> | undefined => {
    const tried = life;
    const starting = tried.start();
    if (starting === undefined) return undefined;
    return Effect.callback((resume) => {
      const late = (): void =>
        resume(
          Effect.fail(
            new InvokeError(
              "timeout",
              `onRunnerStart was still running after the ${Math.round(timeoutMs)} ms deadline of the call.`,
              place,
            ),
          ),
        );
      const timer = setTimeout(late, Math.min(timeoutMs, maxTimerMs));
      starting.then(
        () => resume(Effect.void),
        (error: Error) => resume(Effect.fail(failed(tried, error))),
      );
      void starting.catch(() => {}).finally(() => clearTimeout(timer));
      return Effect.sync(() => clearTimeout(timer));
    });
  };

  return {
    dispatcher: {
      prepare,
      dispatch: (invocation) =>
        Effect.suspend(() => {
          running++;
          return Effect.ensuring(
            dispatcher.dispatch(invocation),
            Effect.sync(() => {
              if (--running === 0) idle();
            }),
          );
        }),
    },
    stop: async (graceMs) => {
      const startedAt = performance.now();
      if (running > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(graceMs, maxTimerMs));
          idle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      await life.stop(Math.max(0, graceMs - (performance.now() - startedAt)));
    },
  };
};
