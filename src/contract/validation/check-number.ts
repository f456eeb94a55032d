/** Checks numbers in options, and the maximum delay of timers. */
import { type Check, check, notAllowed } from "./option-schema.ts";

/** Maximum delay of a timer, in milliseconds (about 25 days). A timer with a longer delay fires at once. */
export const maxTimerMs: number = 2 ** 31 - 1;

/** The allowed range. */
export interface NumberRange {
  /** The minimum, inclusive. Default: none. */
  readonly min?: number;
  /** The exclusive minimum, instead of `min`. */
  readonly above?: number;
  /** The maximum, inclusive. Default: none. */
  readonly max?: number;
  /** The exclusive maximum, instead of `max`. */
  readonly below?: number;
  /** Allows `Infinity`. Default `false`. */
  readonly infinity?: boolean;
  /** Prints only numbers in errors, for fields that may receive a secret by mistake. */
  readonly secret?: boolean;
}

/** Describes the range, for the end of a sentence about allowed values. */
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

/** Checks a number; `what` describes it and follows "Use". */
export const quantity = (what: string, range: NumberRange): Check<number> => numbers(what, range, false);

/** Checks a whole number of a unit. */
export const integer = (unit: string, range: NumberRange): Check<number> =>
  numbers(`a whole number of ${unit}`, range, true);

/** Checks a number of a unit. */
export const number = (unit: string, range: NumberRange): Check<number> => quantity(`a number of ${unit}`, range);

/** Checks a duration. */
export const milliseconds = (range: NumberRange): Check<number> => number("milliseconds", range);
