/**
 * What must be sent before this process ends. Whoever buffers telemetry registers
 * a hook; whoever ends the process calls {@link flushAll} first: a runner that
 * drains, and `flame.shutdown`.
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

const failed = "firelight: buffered telemetry could not be sent and is lost";

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
 * Runs all hooks at once and waits for them, for each `timeoutMs` milliseconds at most unless it has a maximum of its own.
 * Never rejects: a hook that fails is told to `console.error` and does not hold up the others.
 */
export const flushAll = async (timeoutMs: number): Promise<void> => {
  await Promise.all([...hooks].map((hook) => within(runHook(hook), hook.timeoutMs ?? timeoutMs)));
};
