/**
 * Takes the TypeScript out of a Markdown page, so that it can be compiled and run
 * where it stands.
 *
 * A block says in its info string what becomes of it, which readers do not see:
 *
 * - ```` ```ts run ```` is compiled and must exit with 0; words like `FLAME_MODE=local` are its environment.
 * - ```` ```ts check: needs a cluster ```` is compiled only, for the reason given.
 * - `file=services.ts`, before either, gives it a name that blocks of the same page can import as `./services.ts`.
 *
 * A block ```` ```text output ```` after one that runs is what it must print. Code in a comment
 * `<!-- prelude … -->` right above a block is put before it.
 */

/** A block of TypeScript. */
export interface Snippet {
  /** `README.md:42`, the line of its first line of code. */
  readonly at: string;
  /** The name that it was given, or `line-42.ts`. */
  readonly file: string;
  /** Prelude and code, on the lines that they have in the page, so that the compiler's messages point there. */
  readonly code: string;
  /** Why it is not run; `undefined` when it is. */
  readonly checkOnly: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** What it must print, when the page says so. */
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
      `${at}: "${unknown}" says nothing about a block of TypeScript. Use run, file=…, NAME=value or check: with a reason.`,
    );
  if (words.includes("run") === (reason !== undefined)) {
    throw new Error(
      `${at}: say either "run" or "check:" and why it cannot run, as in \`\`\`ts check: needs a runner\`.`,
    );
  }
  if (reason?.trim() === "") throw new Error(`${at}: "check:" gives no reason.`);
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
    if (length < 0) throw new Error(`${at}: this block is never closed.`);
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
        throw new Error(`${at}: this output follows no block that runs.`);
      snippets[snippets.length - 1] = { ...last, output: `${body.join("\n")}\n` };
    }
    prelude = [];
  }
  return snippets;
};
