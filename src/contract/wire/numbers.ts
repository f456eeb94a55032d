/**
 * Formats numbers in headers and signed data. Each number has exactly one spelling, so parsed values can be signed
 * again byte for byte.
 */

/** Below 2^42 milliseconds (the year 2109), times in microseconds convert to milliseconds and back without loss. */
const largest = 3_999_999_999_999_999;

/** Formats a whole number of at most 16 digits. Fractions are rounded up; values out of range are clamped. */
export const wholeText = (value: number): string => String(Math.min(Math.max(Math.ceil(value), 0), largest) || 0);

/** Matches exactly what {@link wholeText} writes. */
export const wholePattern = "(?:0|[1-9]\\d{0,14}|[1-3]\\d{15})";
