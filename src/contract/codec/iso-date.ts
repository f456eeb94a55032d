/**
 * Dates as ISO 8601 text in UTC and back, as `Date` does it. V8 takes more than a microsecond for each of the two, and
 * rows of a table have dates.
 */

const pad = (value: number, length: number): string => String(value).padStart(length, "0");

const minutes = Array.from({ length: 1_440 }, (_, at) => `T${pad(Math.floor(at / 60), 2)}:${pad(at % 60, 2)}:`);
const seconds = Array.from({ length: 60 }, (_, at) => `${pad(at, 2)}.`);
const milliseconds = Array.from({ length: 1_000 }, (_, at) => `${pad(at, 3)}Z`);
/** By 32 times the month plus the day of the month. */
const monthDays = Array.from({ length: 13 * 32 }, (_, at) => `-${pad(Math.floor(at / 32), 2)}-${pad(at % 32, 2)}`);

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** Days from March 1 of the year 0 to January 1, 1970. */
const epochDay = 719_468;
/** Days of 400 years. */
const eraDays = 146_097;

/** Returns what `date.toISOString()` returns for a valid date. */
export const isoText = (date: Date): string => {
  const time = date.getTime();
  const day = Math.floor(time / dayMs);
  // From the day to year, month and day: Howard Hinnant, "chrono-compatible low-level date algorithms".
  const era = Math.floor((day + epochDay) / eraDays);
  const dayOfEra = day + epochDay - era * eraDays;
  const yearOfEra =
    ((dayOfEra - ((dayOfEra / 1_460) | 0) + ((dayOfEra / 36_524) | 0) - ((dayOfEra / 146_096) | 0)) / 365) | 0;
  const dayOfYear = dayOfEra - (365 * yearOfEra + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0));
  const fromMarch = ((5 * dayOfYear + 2) / 153) | 0;
  const dayOfMonth = dayOfYear - (((153 * fromMarch + 2) / 5) | 0) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  if (!(year >= 1_000 && year <= 9_999)) return date.toISOString();
  const ofDay = time - day * dayMs;
  const minute = (ofDay / minuteMs) | 0;
  const ofMinute = ofDay - minute * minuteMs;
  const second = (ofMinute / 1_000) | 0;
  return `${year}${monthDays[month * 32 + dayOfMonth]}${minutes[minute]}${seconds[second]}${milliseconds[ofMinute - second * 1_000]}`;
};
