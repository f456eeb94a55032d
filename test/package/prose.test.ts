import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findRetiredWords } from "../docs/retired-words.ts";

const root = join(import.meta.dirname, "../..");

const files = globSync(["src/**/*.ts", "scripts/**/*.ts", "examples/**/*.ts", "bench/**/*.ts"], { cwd: root })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => !path.includes("node_modules"))
  .toSorted();

const findRetired = (path: string, text: string): ReadonlyArray<string> =>
  findRetiredWords(text).map(({ line, found, instead }) => `${path}:${line}: "${found}". Write: ${instead}.`);

test("no file of the package, the scripts and the examples uses a retired word", () => {
  expect(files.length).toBeGreaterThan(200);
  expect(files.flatMap((path) => findRetired(path, readFileSync(join(root, path), "utf8")))).toEqual([]);
});

test.each([
  ["// Starts the map anew.", "anew"],
  ["/** The caller is told when it ends. */", "is told"],
  ["const colour = 1;", "colour"],
  ["// At most 30 000 calls.", "30 000"],
  ['"95 % of calls"', "5 %"],
])("finds the retired word in %s", (line, word) => {
  expect(findRetired("a.ts", line)).toEqual([expect.stringContaining(`a.ts:1: "${word}"`)]);
});

test.each(["status === 'CANCELLED'", "const seam_allowance = 1;", "const count = total % 10;", "// retried twice"])(
  "accepts %s",
  (line) => {
    expect(findRetired("a.ts", line)).toEqual([]);
  },
);
