/**
 * Extracts the TypeScript blocks of a Markdown page, so that they can be compiled and run.
 *
 * The info string of a block, which is not rendered, says how:
 *
 * - ```` ```ts run ```` is compiled and must exit with 0. Words like `FLAME_MODE=local` are its environment.
 * - ```` ```ts check: needs a cluster ```` is compiled only, for the given reason.
 * - `file=services.ts`, before either, names the block, so that blocks of the same page can import `./services.ts`.
 *
 * A block ```` ```text output ```` after a block that runs is its expected output. Code in a comment
 * `<!-- prelude … -->` directly above a block is inserted before it.
 */

/** A block of TypeScript. */
export interface Snippet {
  /** `README.md:42`, the line of its first line of code. */
  readonly at: string;
  /** The name from its info string, or `line-42.ts`. */
  readonly file: string;
  /** Prelude and code, at their line numbers in the page, so that compiler messages point there. */
  readonly code: string;
  /** The reason why it does not run; `undefined` if it runs. */
  readonly checkOnly: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Its expected output, if the page has one. */
  readonly output: string | undefined;
}

const fence = /^( {0,3})(`{3,})(\S*)[ \t]*(.*)$/;

type Instructions = Pick<Snippet, "checkOnly" | "env"> & { readonly file: string | undefined };

const readInstructions = (info: string, at: string): Instructions => {
  const [head = "", reason] = info.split(/\bcheck:/, 2);
  const words = head
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");
  const file = words.find((word) => word.startsWith("file="))?.slice("file=".length);
  const env = words.filter((word) => /^[A-Z][A-Z0-9_]*=/.test(word)).map((word) => word.split(/=(.*)/s, 2));
  const unknown = words.find((word) => word !== "run" && !/^[A-Z][A-Z0-9_]*=/.test(word) && !word.startsWith("file="));
  if (unknown !== undefined)
    throw new Error(
      `${at}: unknown word "${unknown}" in the info string of a TypeScript block. Use run, file=…, NAME=value or check: with a reason.`,
    );
  if (words.includes("run") === (reason !== undefined)) {
    throw new Error(
      `${at}: use either "run" or "check:" with the reason why it cannot run, as in \`\`\`ts check: needs a runner\`.`,
    );
  }
  if (reason?.trim() === "") throw new Error(`${at}: "check:" has no reason. Say why the block cannot run.`);
  return { file, env: Object.fromEntries(env) as Record<string, string>, checkOnly: reason?.trim() };
};

/** Finds the TypeScript blocks of a page. */
export const readSnippets = (page: string, markdown: string): ReadonlyArray<Snippet> => {
  const lines = markdown.split(/\r?\n/);
  const snippets: Array<Snippet> = [];
  let prelude: ReadonlyArray<readonly [line: number, text: string]> = [];
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? "";
    if (line.startsWith("<!-- prelude")) {
      const end = lines.findIndex((text, at) => at > index && text.trim() === "-->");
      prelude = lines.slice(index + 1, end).map((text, offset) => [index + 1 + offset, text] as const);
      index = end;
      continue;
    }
    const opening = fence.exec(line);
    if (opening === null) {
      if (line.trim() !== "") prelude = [];
      continue;
    }
    const [, indent = "", ticks = "", language = "", info = ""] = opening;
    const first = index + 1;
    const length = lines.slice(first).findIndex((text) => text.trim() === ticks);
    const at = `${page}:${first + 1}`;
    if (length < 0) throw new Error(`${at}: this block has no end.`);
    const body = lines
      .slice(first, first + length)
      .map((text) => (text.startsWith(indent) ? text.slice(indent.length) : text));
    index = first + length;
    if (language === "ts") {
      const code: Array<string> = Array.from({ length: first }, () => "");
      for (const [number, text] of prelude) code[number] = text;
      const { file, ...instructions } = readInstructions(info, at);
      snippets.push({
        ...instructions,
        at,
        file: file ?? `line-${first + 1}.ts`,
        code: `${[...code, ...body].join("\n")}\n`,
        output: undefined,
      });
    } else if (language === "text" && info.trim() === "output") {
      const last = snippets.at(-1);
      if (last === undefined || last.checkOnly !== undefined)
        throw new Error(`${at}: this output does not follow a block that runs.`);
      snippets[snippets.length - 1] = { ...last, output: `${body.join("\n")}\n` };
    }
    prelude = [];
  }
  return snippets;
};
