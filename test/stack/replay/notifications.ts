/** What Alertmanager would send of the alerts that fired: those that no other alert inhibits. */
import { inhibitions } from "../../../src/bundle/rules/inhibitions.ts";
import type { FiredAlert } from "./replay.ts";

const inhibits = (source: FiredAlert, target: FiredAlert): boolean =>
  inhibitions.some(
    (rule) =>
      rule.source === source.alert &&
      rule.targets.includes(target.alert) &&
      rule.equal.every((label) => source.labels[label] === target.labels[label]),
  );

/** The alerts that notify somebody, from when they do: as long as another one inhibits an alert, it is not sent. */
export const notified = (fired: ReadonlyArray<FiredAlert>): ReadonlyArray<FiredAlert> =>
  fired
    .filter(({ severity }) => severity !== "info")
    .flatMap((alert) => {
      let { from } = alert;
      for (const source of fired.filter((other) => inhibits(other, alert)).toSorted((a, b) => a.from - b.from))
        if (source.from <= from && source.until > from) from = source.until;
      return from < alert.until ? [{ ...alert, from }] : [];
    })
    .toSorted((a, b) => a.from - b.from);

/** The times of alerts, merged where they overlap: Alertmanager groups pages by job, so each is one incident. */
export const incidents = (
  alerts: ReadonlyArray<FiredAlert>,
): ReadonlyArray<{ readonly from: number; readonly until: number }> =>
  alerts
    .toSorted((a, b) => a.from - b.from)
    .reduce<ReadonlyArray<{ from: number; until: number }>>((merged, { from, until }) => {
      const last = merged.at(-1);
      return last !== undefined && from <= last.until
        ? [...merged.slice(0, -1), { from: last.from, until: Math.max(last.until, until) }]
        : [...merged, { from, until }];
    }, []);
