/**
 * How numbers are written in headers and in what is signed. Each has one
 * spelling only, so that what was read can be signed again, byte for byte.
 */
const largest = 9_999_999_999_999_999;

/** A whole number from 0 to 16 digits; fractions are rounded up. */
export const wholeText = (value: number): string => String(Math.min(Math.max(Math.ceil(value), 0), largest) || 0);

/** Matches what {@link wholeText} writes, and nothing else. */
export const wholePattern = "(?:0|[1-9]\\d{0,15})";

/** Milliseconds as whole microseconds. */
export const microsText = (ms: number): string => wholeText(Math.round(ms * 1000));

/** Reads what {@link microsText} writes, as milliseconds. */
export const readMicros = (text: string): number => Number(text) / 1000;
