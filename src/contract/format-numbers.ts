/** Formats numbers for log messages, alert texts and CLI output. */

/** Removes the digits that floating point adds: 14.4 × 0.001 is 0.0144. */
export const roundOff = (value: number): number => Number(value.toPrecision(12));

/** Formats milliseconds with a fitting unit: `0.4 ms`, `38 ms`, `3012 ms`, `12.4 s`, `3.5 min`. */
export const formatDuration = (ms: number): string => {
  const size = Math.abs(ms);
  if (size < 9.95) return `${ms.toFixed(1)} ms`;
  if (size < 9_999.5) return `${Math.round(ms)} ms`;
  return size < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`;
};

const spelledUnits = [
  [86_400, "days"],
  [3600, "hours"],
  [60, "minutes"],
] as const;

/** Spells out seconds for prose: `3600` is `1 hour`. A number that is no multiple of a larger unit stays in seconds. */
export const spellDuration = (seconds: number): string => {
  const [size, unit] = spelledUnits.find(([size]) => seconds >= size && seconds % size === 0) ?? [1, "seconds"];
  const count = roundOff(seconds / size);
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`;
};

/** Formats a share as a percentage: `0.0144` is `1.44%`. */
export const formatPercent = (share: number): string => `${roundOff(share * 100)}%`;

/** Formats a count with its noun: `1 attempt`, `2 attempts`. */
export const formatCount = (count: number, noun: string): string => `${count} ${count === 1 ? noun : `${noun}s`}`;

/** Formats a share as a whole percentage: `0.414` is `41%`. */
export const formatWholePercent = (share: number): string => `${Math.round(share * 100)}%`;
