import { describe, expect, test } from "vitest";
import { anchorsOf, linksOf, proseOf, withoutOutput } from "./markdown.ts";
import { findRetiredWords } from "./retired-words.ts";

const page = (...lines: ReadonlyArray<string>): string => lines.join("\n");

describe("anchorsOf", () => {
  test("returns the anchors that GitHub generates for headings", () => {
    const anchors = anchorsOf(
      page("# A `flame.pools` page", "## Errors, retries & more", "## [Why?](x.md)", "## Why?"),
    );
    expect([...anchors]).toEqual(["a-flamepools-page", "errors-retries--more", "why", "why-1"]);
  });

  test("ignores comments in shell blocks", () => {
    expect(anchorsOf(page("```sh", "# not a heading", "```")).size).toBe(0);
  });
});

describe("linksOf", () => {
  test("returns links into the repository with their line numbers", () => {
    const links = linksOf(page("[a](docs/a.md#b) and [c](https://example.com)", "", "![d](d.svg)"));
    expect(links).toEqual([
      { line: 1, target: "docs/a.md#b" },
      { line: 3, target: "d.svg" },
    ]);
  });

  test("ignores code", () => {
    expect(linksOf(page("`x[0](y)`", "```ts", "call[0](y);", "```"))).toEqual([]);
  });
});

describe("withoutOutput and proseOf", () => {
  const markdown = page("Prose with `code`.", "```text", "printed", "```", "```ts", "const a = 1;", "```", "End.");

  test("withoutOutput keeps code and line numbers", () => {
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

  test("proseOf removes code and keeps line numbers", () => {
    expect(proseOf(markdown).split("\n")).toEqual(["Prose with ``.", "", "", "", "", "", "", "End."]);
  });
});

describe("findRetiredWords", () => {
  test.each([
    ["It waited in vain.", "in vain"],
    ["Start it anew.", "anew"],
    ["A call of every fate.", "fate"],
    ["The catalogue lists it.", "catalogue"],
    ["The call was cancelled.", "cancelled"],
  ])("finds a retired word in %j", (text, found) => {
    expect(findRetiredWords(`Fine.\n${text}`)).toMatchObject([{ line: 2, found }]);
  });

  test("finds a phrase across the lines of a paragraph and of a comment", () => {
    expect(findRetiredWords("It waited in\nvain.")).toMatchObject([{ line: 1, found: "in vain" }]);
    expect(findRetiredWords("/**\n * It waited in\n * vain.\n */")).toMatchObject([{ line: 2, found: "in vain" }]);
  });

  test("accepts the status CANCELLED, troubleshooting and newsletter", () => {
    expect(findRetiredWords("CANCELLED, see Troubleshooting; a newsletter; the event")).toEqual([]);
  });
});
