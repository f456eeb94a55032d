import { describe, expect, test } from "vitest";
import { anchorsOf, linksOf, proseOf, withoutOutput } from "./markdown.ts";
import { findRetiredWords } from "./retired-words.ts";

const page = (...lines: ReadonlyArray<string>): string => lines.join("\n");

describe("the anchors of a page", () => {
  test("are its headings as GitHub writes them", () => {
    const anchors = anchorsOf(
      page("# A `flame.pools` page", "## Errors, retries & more", "## [Why?](x.md)", "## Why?"),
    );
    expect([...anchors]).toEqual(["a-flamepools-page", "errors-retries--more", "why", "why-1"]);
  });

  test("do not include comments of a shell block", () => {
    expect(anchorsOf(page("```sh", "# not a heading", "```")).size).toBe(0);
  });
});

describe("the links of a page", () => {
  test("are those that lead into the repository, with their lines", () => {
    const links = linksOf(page("[a](docs/a.md#b) and [c](https://example.com)", "", "![d](d.svg)"));
    expect(links).toEqual([
      { line: 1, target: "docs/a.md#b" },
      { line: 3, target: "d.svg" },
    ]);
  });

  test("do not include code", () => {
    expect(linksOf(page("`x[0](y)`", "```ts", "call[0](y);", "```"))).toEqual([]);
  });
});

describe("the parts of a page", () => {
  const markdown = page("Prose with `code`.", "```text", "printed", "```", "```ts", "const a = 1;", "```", "End.");

  test("without output keep code and line numbers", () => {
    expect(withoutOutput(markdown).split("\n")).toEqual([
      "Prose with `code`.",
      "",
      "",
      "",
      "```ts",
      "const a = 1;",
      "```",
      "End.",
    ]);
  });

  test("without code keep prose and line numbers", () => {
    expect(proseOf(markdown).split("\n")).toEqual(["Prose with ``.", "", "", "", "", "", "", "End."]);
  });
});

describe("a retired word", () => {
  test.each([
    ["It waited in vain.", "in vain"],
    ["Start it anew.", "anew"],
    ["A call of every fate.", "fate"],
    ["The catalogue lists it.", "catalogue"],
    ["The call was cancelled.", "cancelled"],
  ])("is found in %j", (text, found) => {
    expect(findRetiredWords(`Fine.\n${text}`)).toMatchObject([{ line: 2, found }]);
  });

  test("is found across the lines of a paragraph and of a comment", () => {
    expect(findRetiredWords("It waited in\nvain.")).toMatchObject([{ line: 1, found: "in vain" }]);
    expect(findRetiredWords("/**\n * It waited in\n * vain.\n */")).toMatchObject([{ line: 2, found: "in vain" }]);
  });

  test("is not found in the status CANCELLED, in troubleshooting or in newsletters", () => {
    expect(findRetiredWords("CANCELLED, see Troubleshooting; a newsletter; the event")).toEqual([]);
  });
});
