/** The check that every number in a configuration goes through. */
import { ConfigError } from "./errors.ts";

/** The number, or a {@link ConfigError} that names the field, its value and its unit. */
export const checkNumber = (field: string, value: number, least: number, unit: string, whole = true): number => {
  if (typeof value !== "number" || !(value >= least) || value === Infinity || (whole && !Number.isInteger(value))) {
    throw new ConfigError(`${field} is ${String(value)}. Use ${whole ? "a whole number" : "a number"} of ${unit}, ${least} or more.`);
  }
  return value;
};
