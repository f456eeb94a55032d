/**
 * Rule files for tests: with the original expressions, and intervals that are short enough for tests.
 */
import { readFileSync } from "node:fs";
import { isMap, isSeq, parseDocument } from "yaml";

export interface ShortTimes {
  /** Milliseconds between two evaluations of each group. */
  readonly intervalMs: number;
  /** Maps a rule's `for` to milliseconds. Default: unchanged. */
  readonly holdMs?: (written: string) => number;
}

/** Formats milliseconds as a Prometheus duration. */
export const promDuration = (ms: number): string => `${Math.round(ms)}ms`;

/** Returns the text of a rule file with other intervals. */
export const shortenRules = (text: string, { intervalMs, holdMs }: ShortTimes): string => {
  const file = parseDocument(text);
  const groups = file.get("groups");
  if (!isSeq(groups)) throw new Error("A rule file has a list of groups.");
  for (const group of groups.items) {
    if (!isMap(group)) throw new Error("A group of rules is a map.");
    group.set("interval", promDuration(intervalMs));
    const rules = group.get("rules");
    if (holdMs === undefined || !isSeq(rules)) continue;
    for (const rule of rules.items) {
      if (!isMap(rule)) continue;
      const written = rule.get("for");
      if (typeof written === "string") rule.set("for", promDuration(holdMs(written)));
    }
  }
  return file.toString({ lineWidth: 0 });
};

export interface WrittenRule {
  readonly file: string;
  readonly group: string;
  /** The name of a recording rule; otherwise `undefined`. */
  readonly record?: string;
  /** The name of an alert; otherwise `undefined`. */
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Reads the rules of a file without changes. */
export const readRules = (path: string): ReadonlyArray<WrittenRule> => {
  const { groups } = parseDocument(readFileSync(path, "utf8")).toJS() as {
    groups: ReadonlyArray<{ name: string; rules: ReadonlyArray<Omit<WrittenRule, "file" | "group">> }>;
  };
  return groups.flatMap(({ name, rules }) => rules.map((rule) => ({ ...rule, file: path, group: name })));
};
