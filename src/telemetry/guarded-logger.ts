/**
 * Guards a user's logger. Errors that it throws, and promises that it rejects, are reported once on the console and do
 * not reach the caller.
 */
import { FailureSeries } from "../contract/failure-series.ts";
import type { Logger } from "../contract/config/options.ts";
import { catchRejection, thrownText } from "../contract/user-function.ts";

type Level = keyof Logger;

const guards = new WeakMap<Logger, Logger>();

const writeError = (text: string): void => {
  try {
    console.error(text);
  } catch {
    // If the console fails too, there is nowhere left to report to.
  }
};

/** Returns the guarded logger; always the same guard for the same logger. */
export const guardLogger = (logger: Logger): Logger => {
  const known = guards.get(logger);
  if (known !== undefined) return known;
  const episode = new FailureSeries();
  const failed = (level: Level, how: string) => (error: unknown) => {
    if (!episode.begins(performance.now())) return;
    writeError(
      `firelight error: ${level}() of the configured logger ${how} ${thrownText(error)}. Log records are lost until it works again.`,
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
