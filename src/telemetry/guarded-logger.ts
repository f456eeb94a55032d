/** A user's logger that cannot hurt whoever logs: what it throws or rejects with is said once on the console, and dropped. */
import { FailureSeries } from "../contract/failure-series.ts";
import type { Logger } from "../contract/config/options.ts";
import { catchRejection, thrownText } from "../contract/user-function.ts";

type Level = keyof Logger;

const guards = new WeakMap<Logger, Logger>();

const say = (text: string): void => {
  try {
    console.error(text);
  } catch {
    // A console that cannot be written to is the end of what can be told.
  }
};

/** The logger, guarded; the same guard for the same logger. */
export const guardLogger = (logger: Logger): Logger => {
  const known = guards.get(logger);
  if (known !== undefined) return known;
  const episode = new FailureSeries();
  const failed = (level: Level, how: string) => (error: unknown) => {
    if (!episode.begins(performance.now())) return;
    say(
      `firelight error: ${level} of the configured logger ${how} ${thrownText(error)}; records are lost while it does.`,
    );
  };
  const guarded =
    (level: Level) =>
    (message: string, meta?: Record<string, unknown>): void => {
      try {
        catchRejection(logger[level]?.(message, meta), failed(level, "rejected with"));
      } catch (error) {
        failed(level, "threw")(error);
      }
    };
  const guard: Logger = {
    debug: guarded("debug"),
    info: guarded("info"),
    warn: guarded("warn"),
    error: guarded("error"),
  };
  guards.set(logger, guard);
  guards.set(guard, guard);
  return guard;
};
