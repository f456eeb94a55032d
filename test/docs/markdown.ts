/** Reads prose, links and anchors from Markdown, for the checks of the pages. */

/** A link to a file or an anchor of this repository. */
export interface Link {
  /** The first line is 1. */
  readonly line: number;
  readonly target: string;
}

const withoutFences = (markdown: string, drop: (info: string) => boolean): ReadonlyArray<string> => {
  let dropping = false;
  let fence: string | undefined;
  return markdown.split(/\r?\n/).map((line) => {
    const [, ticks, info = ""] = /^\s*(`{3,})(.*)$/.exec(line) ?? [];
    if (fence === undefined && ticks !== undefined) {
      fence = ticks;
      dropping = drop(info.trim());
      return dropping ? "" : line;
    }
    if (fence === undefined) return line;
    const result = dropping ? "" : line;
    if (ticks === fence && info.trim() === "") fence = undefined;
    return result;
  });
};

/** The page without program output, which is in `text` blocks. Line numbers stay the same. */
export const withoutOutput = (markdown: string): string =>
  withoutFences(markdown, (info) => /^text\b/.test(info)).join("\n");

/** The page without code blocks and inline code. Line numbers stay the same. */
export const proseOf = (markdown: string): string =>
  withoutFences(markdown, () => true)
    .map((line) => (line.startsWith("    ") ? "" : line.replaceAll(/`[^`]*`/g, "``")))
    .join("\n");

/** The links of a page into this repository. */
export const linksOf = (markdown: string): ReadonlyArray<Link> =>
  withoutFences(markdown, () => true)
    .flatMap((text, index) =>
      [...text.replaceAll(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => ({
        line: index + 1,
        target,
      })),
    )
    .filter(({ target }) => !/^[a-z][a-z+.-]*:/i.test(target));

/** The anchors of a page's headings, as GitHub generates them. */
export const anchorsOf = (markdown: string): ReadonlySet<string> => {
  const anchors = new Set<string>();
  for (const line of withoutFences(markdown, () => true)) {
    const [, heading] = /^#{1,6} +(.*?)\s*$/.exec(line) ?? [];
    if (heading === undefined) continue;
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");
    const slug = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    for (let count = 0; ; count++) {
      const anchor = count === 0 ? slug : `${slug}-${count}`;
      if (anchors.has(anchor)) continue;
      anchors.add(anchor);
      break;
    }
  }
  return anchors;
};
