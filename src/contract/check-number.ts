/** The check that every number in a configuration goes through, and the bound of those that timers wait for. */
import { ConfigError } from "./errors.ts";

/** The longest delay of a timer, in milliseconds, some 25 days; a timer with a longer one fires at once. */
export const longestTimerMs: number = 2 ** 31 - 1;

/** What numbers are allowed: whole ones unless said otherwise. */
export interface NumberKind {
  readonly fraction?: boolean;
  readonly infinite?: boolean;
}

/** Numbers that need not be whole. */
export const fraction: NumberKind = { fraction: true };

/** Numbers that need not be whole, and `Infinity`. */
export const forever: NumberKind = { fraction: true, infinite: true };

/** The number, or a {@link ConfigError} that names the field, its value and its unit. */
export const checkNumber = (
  field: string,
  value: number,
  least: number,
  unit: string,
  kind: NumberKind = {},
): number => {
  const fits = typeof value === "number" && value >= least;
  const allowed = kind.infinite === true || value !== Infinity;
  const whole = kind.fraction === true || Number.isInteger(value);
  if (fits && allowed && whole) return value;
  const what = kind.fraction === true ? "a number" : "a whole number";
  throw new ConfigError(
    `${field} is ${String(value)}. Use ${what} of ${unit}, ${least} or more${kind.infinite === true ? ", or Infinity" : ""}.`,
  );
};
