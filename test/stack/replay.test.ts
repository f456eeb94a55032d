/**
 * Histories of parents and pools, replayed through the rules as they ship: which alerts notify, when, and for how long,
 * at two scrape intervals. docs/alerts.md shows the results; `FIRELIGHT_REPLAY=write` writes them there.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lacks } from "./harness/servers.ts";
import { histories, type History } from "./replay/histories.ts";
import { incidents, notified } from "./replay/notifications.ts";
import { type FiredAlert, replay } from "./replay/replay.ts";
import { type Replayed, replayTable } from "./replay/table.ts";
import { record } from "./harness/board.ts";

const page = join(import.meta.dirname, "../../docs/alerts.md");
const scrapeIntervals = [15, 60];
const replayed = new Map<string, Replayed>();

const allFired = new Map<string, ReadonlyArray<ReadonlyArray<FiredAlert>>>();

const run = async (history: History): Promise<void> => {
  const made = history.make();
  const fired: Array<ReadonlyArray<FiredAlert>> = [];
  for (const seconds of scrapeIntervals) fired.push(await replay(made, seconds));
  allFired.set(history.name, fired);
  replayed.set(history.name, { history, notified: fired.map((alerts) => notified(alerts)) });
};

/** The cells of the table after a line of the page that marks it. */
const tableIn = (text: string): ReadonlyArray<ReadonlyArray<string>> => {
  const lines = text.split("<!-- replay -->\n\n")[1]?.split("\n\n")[0]?.split("\n") ?? [];
  const cells = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return cells.filter((_, index) => index !== 1);
};

const asMarkdown = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]!.length));
  const line = (row: ReadonlyArray<string>): string =>
    `| ${row.map((cell, index) => cell.padEnd(width(index))).join(" | ")} |`;
  return [
    line(rows[0]!),
    `| ${rows[0]!.map((_, index) => "-".repeat(width(index))).join(" | ")} |`,
    ...rows.slice(1).map(line),
  ].join("\n");
};

describe.skipIf(lacks("promtool"))("alerts over a history", () => {
  describe.each(histories)("$name", (history) => {
    const { name, alerts = [], fault } = history;

    test("notifies of its fault, and of nothing else", { timeout: 1_200_000 }, async () => {
      await run(history);
      for (const sent of replayed.get(name)!.notified)
        expect(new Set(sent.map(({ alert }) => alert)), JSON.stringify(allFired.get(name), undefined, 1)).toEqual(
          new Set(alerts),
        );
    });

    test("is one incident for the pager, or none", () => {
      for (const sent of replayed.get(name)!.notified) {
        const pages = sent.filter(({ severity }) => severity === "page");
        expect(incidents(pages).length).toBe(pages.length === 0 ? 0 : 1);
      }
    });

    test("sends nothing for the first time when the fault is over", () => {
      for (const sent of replayed.get(name)!.notified)
        for (const { from, alert } of sent)
          if (fault !== undefined) expect(from, alert).toBeLessThanOrEqual(fault.until);
    });
  });

  test("docs/alerts.md shows what was sent and when", () => {
    const rows = replayTable(histories.map(({ name }) => replayed.get(name)!));
    if (process.env["FIRELIGHT_REPLAY"] === "write") {
      const [before, after] = readFileSync(page, "utf8").split("<!-- replay -->\n\n");
      writeFileSync(
        page,
        `${before!}<!-- replay -->\n\n${asMarkdown(rows)}\n\n${after!.split("\n\n").slice(1).join("\n\n")}`,
      );
    }
    expect(tableIn(readFileSync(page, "utf8"))).toEqual(rows);
    const healthy = histories.filter(({ fault }) => fault === undefined);
    const pages = (name: string): boolean =>
      replayed.get(name)!.notified.some((sent) => sent.some(({ severity }) => severity === "page"));
    record({
      what: "replay: healthy histories without a page",
      all: healthy.length,
      good: healthy.filter(({ name }) => !pages(name)).length,
    });
  });
});
