/** The checks of numbers in options, and the bound of those that timers wait for. */
import { type Check, check, notAllowed } from "./option-schema.ts";

/** The longest delay of a timer, in milliseconds, some 25 days; a timer with a longer one fires at once. */
export const longestTimerMs: number = 2 ** 31 - 1;

/** Which numbers are allowed. */
export interface NumberRange {
  readonly min: number;
  /** Default: no bound. */
  readonly max?: number;
  /** Allows `Infinity`. Default `false`. */
  readonly infinity?: boolean;
}

const numbers = (what: string, { min, max, infinity = false }: NumberRange, whole: boolean): Check<number> => {
  const bounds = max === undefined ? `, ${min} or more` : ` from ${min} to ${max}`;
  const allowed = `${what}${bounds}${infinity ? ", or Infinity" : ""}`;
  const greatest = max ?? (infinity ? Infinity : Number.MAX_VALUE);
  return check(allowed, (value) => {
    const fits = typeof value === "number" && value >= min && value <= greatest;
    if (fits && (!whole || Number.isInteger(value) || value === Infinity)) return value;
    throw notAllowed(value, allowed);
  });
};

/** A whole number of something. */
export const integer = (unit: string, range: NumberRange): Check<number> =>
  numbers(`a whole number of ${unit}`, range, true);

/** A number of something that need not be whole. */
export const number = (unit: string, range: NumberRange): Check<number> => numbers(`a number of ${unit}`, range, false);

/** A part of a whole. */
export const share = (of: string): Check<number> => numbers(`a share of ${of}`, { min: 0, max: 1 }, false);

/** A duration. */
export const milliseconds = (range: NumberRange): Check<number> => number("milliseconds", range);
