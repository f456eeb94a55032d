/**
 * As much of TraceQL and LogQL as is needed to tell which attributes a query names, and
 * whether its brackets and strings are whole. Nothing here asks a Tempo or a Loki.
 */

/** What a query of traces or logs names. */
export interface SearchNames {
  /** TraceQL: attributes with their dots, without the scope. LogQL: labels. */
  readonly attributes: ReadonlyArray<string>;
  /** TraceQL only: words that belong to the language or to no one. */
  readonly words: ReadonlyArray<string>;
}

const strings = /"(?:\\.|[^"\\])*"|`[^`]*`/g;
const pairs: Readonly<Record<string, string>> = { "(": ")", "{": "}", "[": "]" };

/** The query without what stands in strings. */
const withoutStrings = (query: string): string => {
  const bare = query.replace(strings, '""');
  if (/"/.test(bare.replaceAll('""', "")) || bare.includes("`"))
    throw new Error(`A string does not end here:\n${query}`);
  return bare;
};

const checkBrackets = (bare: string): void => {
  const open: Array<string> = [];
  for (const letter of bare) {
    if (pairs[letter] !== undefined) open.push(pairs[letter]);
    else if (")}]".includes(letter) && open.pop() !== letter) throw new Error(`A bracket has no other here:\n${bare}`);
  }
  if (open.length > 0) throw new Error(`"${open.at(-1)!}" is missing:\n${bare}`);
};

const traceAttribute = /(?:^|[\s({!&|,])(?:span|resource|event|link|instrumentation|parent)?\.([a-zA-Z_][\w.]*)/g;

/**
 * What a TraceQL query names.
 *
 * @throws when it cannot be one.
 */
export const traceqlNames = (query: string): SearchNames => {
  const bare = withoutStrings(query);
  checkBrackets(bare);
  if (!bare.trimStart().startsWith("{")) throw new Error(`TraceQL begins with a set of spans in braces:\n${query}`);
  const attributes = [...bare.matchAll(traceAttribute)].map(([, name]) => name!);
  const rest = bare.replaceAll(traceAttribute, " ").replace(/\d+(?:\.\d+)?(?:ns|us|ms|s|m|h)?\b/g, " ");
  return { attributes, words: [...rest.matchAll(/[a-zA-Z_][\w:]*/g)].map(([word]) => word) };
};

const labelFilter = /([a-zA-Z_]\w*)\s*(?:=~|!~|!=|==|>=|<=|=|>|<)/g;
const groupedBy = /\b(?:by|without)\s*\(([^)]*)\)/g;

/**
 * What a LogQL query names.
 *
 * @throws when it cannot be one.
 */
export const logqlNames = (query: string): SearchNames => {
  const bare = withoutStrings(query);
  checkBrackets(bare);
  if (!/\{[^}]*(?:=~?|!~)[^}]*\}/.test(bare)) throw new Error(`LogQL selects streams in braces:\n${query}`);
  const filtered = [...bare.matchAll(labelFilter)].map(([, name]) => name!);
  const grouped = [...bare.matchAll(groupedBy)].flatMap(([, names]) => names!.split(",").map((name) => name.trim()));
  return { attributes: [...filtered, ...grouped.filter((name) => name !== "")], words: [] };
};
