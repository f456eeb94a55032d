/** The table of histories and alerts in docs/alerts.md. */
import type { AlertName } from "../../../src/bundle/alert-names.ts";
import type { History } from "./histories.ts";
import type { FiredAlert } from "./replay.ts";

/** What a history came to at each scrape interval. */
export interface Replayed {
  readonly history: History;
  readonly notified: ReadonlyArray<ReadonlyArray<FiredAlert>>;
}

const minutes = (seconds: number): string => `${Math.round(seconds / 30) / 2}`;

/** The same number at each interval once, different ones with a slash between them. */
const ofEach = (values: ReadonlyArray<string>): string =>
  new Set(values).size === 1 ? values[0]! : values.join(" / ");

const namesOf = (notified: Replayed["notified"]): ReadonlyArray<AlertName> => [
  ...new Set(notified.flatMap((alerts) => alerts.map(({ alert }) => alert))),
];

const alertCells = ({ history: { fault }, notified }: Replayed, name: AlertName): ReadonlyArray<string> => {
  const each = notified.map((alerts) => alerts.find(({ alert }) => alert === name));
  const cell = (value: (alert: FiredAlert) => number): string =>
    ofEach(
      each.map((alert) =>
        alert === undefined || !Number.isFinite(value(alert)) ? "–" : `${minutes(value(alert))} min`,
      ),
    );
  const severity = each.find((alert) => alert !== undefined)!.severity;
  return [
    `\`${name}\``,
    severity,
    cell(({ from }) => from - (fault?.from ?? 0)),
    cell(({ until }) => until - (fault?.until ?? Infinity)),
  ];
};

/** One row for each alert that notifies, in Markdown. */
export const replayTable = (replayed: ReadonlyArray<Replayed>): ReadonlyArray<ReadonlyArray<string>> => [
  ["what happens", "alert", "level", "sent after", "ends after the fault"],
  ...replayed.flatMap((one) => {
    const names = namesOf(one.notified);
    if (names.length === 0) return [[`**${one.history.name}:** ${one.history.what}`, "none", "", "", ""]];
    return names.map((name, index) => [
      index === 0 ? `**${one.history.name}:** ${one.history.what}` : "",
      ...alertCells(one, name),
    ]);
  }),
];
