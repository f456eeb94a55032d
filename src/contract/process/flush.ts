/**
 * Hooks that send buffered telemetry before this process ends. Owners of buffers register a hook; a draining runner and
 * `flame.shutdown` call {@link flushAll} before the end.
 */
import { maxTimerMs, milliseconds } from "../validation/check-number.ts";
import { fn } from "../validation/option-checks.ts";
import { object, readOption } from "../validation/option-schema.ts";
import { processWide } from "./copies.ts";
import { messageOf } from "../thrown.ts";

/** Options of {@link onFlush}. */
export interface FlushHookOptions {
  /** Maximum time to wait for the hook, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
}

interface FlushHook {
  readonly run: () => unknown;
  readonly timeoutMs: number | undefined;
}

const hookSchema = fn();
const optionsSchema = object<FlushHookOptions>({ timeoutMs: milliseconds({ min: 0, infinity: true }) });

const hooks: Set<FlushHook> = processWide("flush-hooks", () => new Set());

/**
 * Registers a hook that sends buffered data before the process ends: when a runner drains, and on `flame.shutdown`.
 *
 * @param hook sends the data; may return a promise
 * @param options how long to wait for it
 * @returns a function that removes the hook
 * @throws {ConfigError} if the hook is not a function, or an option is invalid.
 *
 * @example
 * ```ts
 * const stop = onFlush(() => provider.forceFlush());
 * ```
 */
export const onFlush = (hook: () => unknown, options: FlushHookOptions = {}): (() => void) => {
  readOption(hookSchema, hook, "onFlush", "hook");
  const { timeoutMs } = readOption(optionsSchema, options, "onFlush");
  const entry: FlushHook = { run: hook, timeoutMs };
  hooks.add(entry);
  return () => {
    hooks.delete(entry);
  };
};

const failed = "firelight: failed to send buffered telemetry; it is lost";

const runHook = async (hook: FlushHook): Promise<void> => {
  try {
    await hook.run();
  } catch (error) {
    try {
      console.error(failed, error);
    } catch {
      console.error(failed, messageOf(error));
    }
  }
};

const within = async (done: Promise<void>, timeoutMs: number): Promise<void> => {
  if (timeoutMs > maxTimerMs) return done;
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([done, expired]);
  clearTimeout(timer);
};

/**
 * Runs all hooks concurrently and waits at most `timeoutMs` milliseconds for each, or its own maximum. Never rejects: a
 * failed hook is reported on `console.error` and does not delay the others.
 */
export const flushAll = async (timeoutMs: number): Promise<void> => {
  await Promise.all([...hooks].map((hook) => within(runHook(hook), hook.timeoutMs ?? timeoutMs)));
};
