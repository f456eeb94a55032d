/** The check that every number in a configuration goes through, and the bound of those that timers wait for. */
import { ConfigError } from "./errors.ts";

/** The longest delay of a timer, in milliseconds, some 25 days; a timer with a longer one fires at once. */
export const longestTimerMs: number = 2 ** 31 - 1;

/** The number, or a {@link ConfigError} that names the field, its value and its unit. */
export const checkNumber = (field: string, value: number, least: number, unit: string, whole = true): number => {
  if (typeof value !== "number" || !(value >= least) || value === Infinity || (whole && !Number.isInteger(value))) {
    throw new ConfigError(`${field} is ${String(value)}. Use ${whole ? "a whole number" : "a number"} of ${unit}, ${least} or more.`);
  }
  return value;
};
