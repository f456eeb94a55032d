/** Values as a panel of Grafana writes them, by the panel's unit. */
import { duration } from "../shared/terminal.ts";

const rounded = (value: number): string => String(Number(value.toPrecision(3)));

const suffixes: Readonly<Record<string, string>> = { reqps: "/s", ops: "/s", cps: "/s" };

/** Formats a value with its unit: `0.5` of `percentunit` is `50%`. */
export const withUnit = (value: number, unit: string): string => {
  if (unit === "percentunit") return `${rounded(value * 100)}%`;
  if (unit === "s") return duration(value);
  return `${rounded(value)}${suffixes[unit] ?? ""}`;
};
