/**
 * Dates as ISO 8601 text in UTC and back, as `Date` does it. V8 takes more than a microsecond for each of the two, and
 * rows of a table have dates.
 */

const zero = 0x30;
const dash = 0x2d;
const colon = 0x3a;

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;
/** Days from March 1 of the year 0 to January 1, 1970. */
const epochDay = 719_468;
/** Days of 400 years. */
const eraDays = 146_097;

/** Returns what `date.toISOString()` returns for a valid date. */
export const isoText = (date: Date): string => {
  const time = date.getTime();
  const day = Math.floor(time / dayMs);
  // The calendar repeats every 400 years; years that start in March have their leap day at the end.
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
  const hour = (ofDay / hourMs) | 0;
  const ofHour = ofDay - hour * hourMs;
  const minute = (ofHour / minuteMs) | 0;
  const ofMinute = ofHour - minute * minuteMs;
  const second = (ofMinute / 1_000) | 0;
  const millisecond = ofMinute - second * 1_000;
  // One call, because a text of several parts would be copied once more when it is read.
  return String.fromCharCode(
    zero + ((year / 1_000) | 0),
    zero + (((year / 100) | 0) % 10),
    zero + (((year / 10) | 0) % 10),
    zero + (year % 10),
    dash,
    zero + ((month / 10) | 0),
    zero + (month % 10),
    dash,
    zero + ((dayOfMonth / 10) | 0),
    zero + (dayOfMonth % 10),
    0x54,
    zero + ((hour / 10) | 0),
    zero + (hour % 10),
    colon,
    zero + ((minute / 10) | 0),
    zero + (minute % 10),
    colon,
    zero + ((second / 10) | 0),
    zero + (second % 10),
    0x2e,
    zero + ((millisecond / 100) | 0),
    zero + (((millisecond / 10) | 0) % 10),
    zero + (millisecond % 10),
    0x5a,
  );
};

const digit = (text: string, at: number): number => {
  const value = text.charCodeAt(at) - zero;
  return value >= 0 && value <= 9 ? value : NaN;
};

const twoDigits = (text: string, at: number): number => digit(text, at) * 10 + digit(text, at + 1);

/** Days before each month, in a year that starts in March. */
const daysFromMarch = [306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];

/**
 * Returns the time of a text like `2026-11-26T12:34:56.789Z`; `NaN` for other forms, and for days that only some months
 * have.
 */
export const isoTime = (text: string): number => {
  if (
    text.length !== 24 ||
    text.charCodeAt(4) !== dash ||
    text.charCodeAt(7) !== dash ||
    text.charCodeAt(10) !== 0x54 ||
    text.charCodeAt(13) !== colon ||
    text.charCodeAt(16) !== colon ||
    text.charCodeAt(19) !== 0x2e ||
    text.charCodeAt(23) !== 0x5a
  ) {
    return NaN;
  }
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const millisecond = digit(text, 20) * 100 + twoDigits(text, 21);
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= 28 && hour <= 23 && minute <= 59 && second <= 59)) return NaN;
  const fromMarch = month <= 2 ? year - 1 : year;
  const days =
    fromMarch * 365 +
    Math.floor(fromMarch / 4) -
    Math.floor(fromMarch / 100) +
    Math.floor(fromMarch / 400) +
    daysFromMarch[month - 1]! +
    day -
    1 -
    epochDay;
  return days * dayMs + hour * hourMs + minute * minuteMs + second * 1_000 + millisecond;
};
