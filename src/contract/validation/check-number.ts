/** The checks of numbers in options, and the bound of those that timers wait for. */
import { type Check, check, notAllowed } from "./option-schema.ts";

/** The longest delay of a timer, in milliseconds, some 25 days; a timer with a longer one fires at once. */
export const maxTimerMs: number = 2 ** 31 - 1;

/** Which numbers are allowed. */
export interface NumberRange {
  /** The least one. Default: no bound. */
  readonly min?: number;
  /** In place of `min`: all are greater than this. */
  readonly above?: number;
  /** The greatest one. Default: no bound. */
  readonly max?: number;
  /** In place of `max`: all are less than this. */
  readonly below?: number;
  /** Allows `Infinity`. Default `false`. */
  readonly infinity?: boolean;
  /** Prints nothing but numbers, where a secret may have been meant for another field. */
  readonly secret?: boolean;
}

/** The range in words, as it follows what is allowed. */
const rangeInWords = ({ min, above, max, below }: NumberRange): string => {
  if (min !== undefined) return max === undefined ? `, ${min} or more` : ` from ${min} to ${max}`;
  const lower = above === undefined ? "" : ` above ${above}`;
  if (below !== undefined) return `${lower} and below ${below}`;
  return max === undefined ? lower : `${lower} and up to ${max}`;
};

const numbers = (what: string, range: NumberRange, whole: boolean): Check<number> => {
  const { min = -Number.MAX_VALUE, above = -Infinity, below, infinity = false } = range;
  const { max = infinity ? Infinity : Number.MAX_VALUE } = range;
  const allowed = `${what}${rangeInWords(range)}${infinity ? ", or Infinity" : ""}`;
  const fits = (value: number): boolean =>
    value >= min && value > above && value <= max && (below === undefined || value < below);
  return check(allowed, (value) => {
    if (typeof value === "number" && fits(value) && (!whole || Number.isInteger(value) || value === Infinity))
      return value;
    throw notAllowed(value, allowed, range.secret === true && typeof value !== "number");
  });
};

/** A number that `what` describes, as it follows "Use". */
export const quantity = (what: string, range: NumberRange): Check<number> => numbers(what, range, false);

/** A whole number of something. */
export const integer = (unit: string, range: NumberRange): Check<number> =>
  numbers(`a whole number of ${unit}`, range, true);

/** A number of something that need not be whole. */
export const number = (unit: string, range: NumberRange): Check<number> => quantity(`a number of ${unit}`, range);

/** A duration. */
export const milliseconds = (range: NumberRange): Check<number> => number("milliseconds", range);
