/** All Markdown of the project: links resolve, prose uses standard terms, the README is short. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { anchorsOf, linksOf, proseOf, withoutOutput } from "./markdown.ts";
import { findRetiredWords } from "./retired-words.ts";

const root = join(import.meta.dirname, "../..");
const pages = globSync(
  ["*.md", ".github/**/*.md", "{bench,dashboards,docs,examples,grafana,otel,scripts,src}/**/*.md"],
  {
    cwd: root,
    exclude: ["**/node_modules/**", "**/out/**"],
  },
).toSorted();
const read = (page: string): string => readFileSync(join(root, page), "utf8");

/** A changelog may use retired words. */
const withOldWords = new Set(["CHANGELOG.md"]);
const inOurWords = pages.filter((page) => !withOldWords.has(page));

describe("every page", () => {
  test("links to files and anchors that exist", () => {
    const broken = pages.flatMap((page) =>
      linksOf(read(page)).flatMap(({ line, target }) => {
        const [path = "", anchor] = target.split("#", 2);
        const file = path === "" ? page : relative(root, join(root, dirname(page), decodeURIComponent(path)));
        if (!existsSync(join(root, file))) return [`${page}:${line}: ${target}: no such file`];
        if (anchor === undefined || anchorsOf(read(file)).has(anchor)) return [];
        return [`${page}:${line}: ${target}: no such anchor`];
      }),
    );
    expect(broken).toEqual([]);
  });

  test("uses no retired words, except where it quotes output", () => {
    const hits = inOurWords.flatMap((page) =>
      findRetiredWords(withoutOutput(read(page))).map(
        ({ line, found, instead }) => `${page}:${line}: "${found}". Use: ${instead}`,
      ),
    );
    expect(hits).toEqual([]);
  });

  test("writes numbers like 30,000 and shares like 20%", () => {
    const hits = inOurWords.flatMap((page) =>
      proseOf(read(page))
        .split("\n")
        .flatMap((line, index) => {
          const found = /\d %|\b\d{1,3} \d{3}\b/.exec(line)?.[0];
          return found === undefined ? [] : [`${page}:${index + 1}: "${found}"`];
        }),
    );
    expect(hits).toEqual([]);
  });
});

describe("README.md", () => {
  test("has at most 200 lines", () => {
    expect(read("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(200);
  });

  test("links to every page of docs", () => {
    const linked = new Set(linksOf(read("README.md")).map(({ target }) => target.split("#", 1)[0]));
    expect(pages.filter((page) => page.startsWith("docs/") && !linked.has(page))).toEqual([]);
  });
});

describe("the sources", () => {
  const sources = globSync("{src,scripts,examples,otel}/**/*.{ts,yaml}", { cwd: root, exclude: ["**/out/**"] });

  test("name only pages that exist", () => {
    const missing = sources.flatMap((source) =>
      [...read(source).matchAll(/\b(?:docs|dashboards)\/[\w-]+\.md\b/g)]
        .filter(([page]) => !existsSync(join(root, page)))
        .map(([page]) => `${source}: ${page}`),
    );
    expect(missing).toEqual([]);
  });
});
