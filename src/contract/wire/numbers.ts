/**
 * How numbers are written in headers and in what is signed. Each has one
 * spelling only, so that what was read can be signed again, byte for byte.
 */

/** Below 2^42 milliseconds (the year 2109) a clock in microseconds survives the way to milliseconds and back unchanged. */
const largest = 3_999_999_999_999_999;

/** A whole number of at most 16 digits; fractions are rounded up, and what is out of range becomes the nearest end of it. */
export const wholeText = (value: number): string => String(Math.min(Math.max(Math.ceil(value), 0), largest) || 0);

/** Matches what {@link wholeText} writes, and nothing else. */
export const wholePattern = "(?:0|[1-9]\\d{0,14}|[1-3]\\d{15})";

/** Milliseconds as whole microseconds. */
export const microsText = (ms: number): string => wholeText(Math.round(ms * 1000));

/** Reads what {@link microsText} writes, as milliseconds. */
export const readMicros = (text: string): number => Number(text) / 1000;
