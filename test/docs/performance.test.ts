/** The page about performance cites committed results. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { linksOf } from "./markdown.ts";

const page = join(import.meta.dirname, "../../docs/performance.md");
const text = readFileSync(page, "utf8");

/** The rows of the tables between a link to results and the next heading or link to results, each with that file. */
const citedRows = (): ReadonlyArray<{ readonly row: string; readonly results: string }> => {
  const rows: Array<{ row: string; results: string }> = [];
  let results = "";
  for (const line of text.split("\n")) {
    const [link] = linksOf(line).filter(({ target }) => target.includes("bench/results/") && target.endsWith(".md"));
    if (link !== undefined) results = readFileSync(join(dirname(page), link.target), "utf8");
    else if (line.startsWith("#")) results = "";
    else if (results !== "" && /^\|.*\d.*\|$/.test(line)) rows.push({ row: line, results });
  }
  return rows;
};

const numbersIn = (row: string): ReadonlyArray<string> =>
  (row.match(/\d[\d,.]*/g) ?? []).map((n) => n.replaceAll(",", ""));

test("cites only rows of the results that it links to", () => {
  const rows = citedRows();
  expect(rows.length).toBeGreaterThan(5);
  const missing = rows.filter(({ row, results }) => {
    const numbers = numbersIn(row);
    return !results.split("\n").some((line) => {
      const known = new Set(numbersIn(line));
      return numbers.every((number) => known.has(number));
    });
  });
  expect(missing.map(({ row }) => row)).toEqual([]);
});
