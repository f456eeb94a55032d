/**
 * What must be sent before this process ends. Whoever buffers telemetry registers
 * a hook; whoever ends the process calls {@link flushAll} first: a runner that
 * drains, and `flame.shutdown`.
 */
import { messageOf } from "./thrown.ts";

import { fn } from "./option-checks.ts";
import { readOption } from "./option-schema.ts";

const hookSchema = fn();

const hooks: Set<() => unknown> = new Set();

/**
 * Registers a hook that sends what is buffered. It may return a promise. Call the returned function to take it back.
 *
 * @throws {ConfigError} when it is no function.
 *
 * @example
 * ```ts
 * const stop = onFlush(() => provider.forceFlush());
 * ```
 */
export const onFlush = (hook: () => unknown): (() => void) => {
  readOption(hookSchema, hook, "onFlush", "hook");
  const entry = (): unknown => hook();
  hooks.add(entry);
  return () => {
    hooks.delete(entry);
  };
};

const failed = "firelight: buffered telemetry could not be sent and is lost";

const runHook = async (hook: () => unknown): Promise<void> => {
  try {
    await hook();
  } catch (error) {
    try {
      console.error(failed, error);
    } catch {
      console.error(failed, messageOf(error));
    }
  }
};

/**
 * Runs all hooks at once and waits for them, `timeoutMs` milliseconds at most. Never rejects: a hook that fails is
 * told to `console.error` and does not hold up the others.
 */
export const flushAll = async (timeoutMs: number): Promise<void> => {
  if (hooks.size === 0) return;
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([Promise.all([...hooks].map(runHook)), expired]);
  clearTimeout(timer);
};
