/** Numbers of the settings, as PromQL and as people read them. */

/** Without the digits that floating point adds: 14.4 × 0.001 is 0.0144. */
export const tidy = (value: number): number => Number(value.toPrecision(12));

/** `0.0144` as `1.44 %`. */
export const percent = (share: number): string => `${tidy(share * 100)} %`;

const units = [
  [86_400, "days"],
  [3600, "hours"],
  [60, "minutes"],
] as const;

/** `3600` as `1 hour`; what is no whole number of a unit stays in seconds. */
export const duration = (seconds: number): string => {
  const [size, unit] = units.find(([size]) => seconds >= size && seconds % size === 0) ?? [1, "seconds"];
  const count = tidy(seconds / size);
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`;
};
