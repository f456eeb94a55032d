import { describe, expect, test } from "vitest";
import { readSnippets } from "./page.ts";

describe("readSnippets", () => {
  const page = (...lines: ReadonlyArray<string>) => readSnippets("page.md", lines.join("\n"));

  test("returns a block with its line number and environment", () => {
    const [snippet] = page("# Title", "", "```ts run FLAME_MODE=local", "const a = 1;", "```");
    expect(snippet).toEqual({
      at: "page.md:4",
      file: "line-4.ts",
      code: "\n\n\nconst a = 1;\n",
      checkOnly: undefined,
      env: { FLAME_MODE: "local" },
      output: undefined,
    });
  });

  test("reads a block's file name, hidden prelude and expected output", () => {
    const [snippet] = page(
      "<!-- prelude",
      "const a = 1;",
      "-->",
      "```ts file=a.ts run",
      "console.log(a);",
      "```",
      "",
      "```text output",
      "1",
      "```",
    );
    expect(snippet).toMatchObject({ file: "a.ts", code: "\nconst a = 1;\n\n\nconsole.log(a);\n", output: "1\n" });
  });

  test("returns the reason why a block does not run", () => {
    expect(page("```ts check: needs a cluster", "```")[0]).toMatchObject({ checkOnly: "needs a cluster" });
  });

  test.each([
    ["neither run nor check", ["```ts", "```"]],
    ["both run and check", ["```ts run check: because", "```"]],
    ["a check without a reason", ["```ts check:", "```"]],
    ["an unknown word", ["```ts rum", "```"]],
    ["a block without an end", ["```ts run", "const a = 1;"]],
    ["an output without a block that runs", ["```text output", "1", "```"]],
  ])("rejects %s", (_fault, lines) => {
    expect(() => page(...lines)).toThrow("page.md:2");
  });

  test("ignores blocks of other languages", () => {
    expect(page("```sh", "npm install", "```", "```text", "```ts", "```")).toEqual([]);
  });
});
