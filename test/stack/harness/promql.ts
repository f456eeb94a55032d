/** As much of PromQL as is needed to tell which series and labels an expression names. */

/** A series that an expression asks for. */
export interface Selector {
  /** As it stands in the expression, braces included, without a range or an offset. */
  readonly text: string;
  /** The metric; a regular expression where the selector has one for `__name__`. */
  readonly metric: string;
  /** The labels of its matchers. */
  readonly labels: ReadonlyArray<string>;
}

export interface PromqlNames {
  readonly selectors: ReadonlyArray<Selector>;
  /** Labels of `by`, `without`, `on`, `ignoring` and `group_left`, and those that functions name. */
  readonly labels: ReadonlyArray<string>;
}

type Kind = "name" | "string" | "number" | "symbol";

interface Token {
  readonly kind: Kind;
  readonly text: string;
  readonly at: number;
  readonly end: number;
}

const token =
  /(?<space>\s+|#.*)|(?<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|(?<number>0x[\da-fA-F]+|(?:\d+(?:ms|[smhdwy]))+|\d*\.?\d+(?:e[+-]?\d+)?)|(?<name>[a-zA-Z_:][\w:]*)|(?<symbol>[=!]~|[=!<>]=|[-+*/%^=<>@{}()[\],:])/giy;

const tokens = (expr: string): ReadonlyArray<Token> => {
  const found: Array<Token> = [];
  token.lastIndex = 0;
  while (token.lastIndex < expr.length) {
    const at = token.lastIndex;
    const match = token.exec(expr);
    if (match === null) throw new Error(`This is no PromQL from "${expr.slice(at, at + 20)}" on:\n${expr}`);
    const kind = (["name", "string", "number", "symbol"] as const).find((name) => match.groups![name] !== undefined);
    if (kind !== undefined) found.push({ kind, text: match[0], at, end: token.lastIndex });
  }
  return found;
};

const grouping: ReadonlySet<string> = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"]);
const words: ReadonlySet<string> = new Set(["and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"]);
/** Functions whose strings are names of labels: at which places, counted from 0. */
const labelArguments: Readonly<Record<string, ReadonlyArray<number>>> = { label_replace: [1, 3], count_values: [0] };

const unquote = (text: string): string => text.slice(1, -1);

/** The index behind the bracket that closes the one at `open`. */
const closing = (all: ReadonlyArray<Token>, open: number): number => {
  const pairs: Readonly<Record<string, string>> = { "(": ")", "{": "}", "[": "]" };
  const close = pairs[all[open]!.text];
  for (let at = open + 1; at < all.length; at++) {
    if (all[at]!.text === close) return at + 1;
    if (pairs[all[at]!.text] !== undefined) at = closing(all, at) - 1;
  }
  throw new Error(`"${all[open]!.text}" is not closed.`);
};

const namesIn = (all: ReadonlyArray<Token>): ReadonlyArray<string> =>
  all.filter(({ kind }) => kind === "name").map(({ text }) => text);

/** A selector from its braces, the first and the last token of `inside`. */
const selectorOf = (expr: string, name: string | undefined, start: number, inside: ReadonlyArray<Token>): Selector => {
  const labels = namesIn(inside);
  const pattern = inside.findIndex(({ text }) => text === "__name__");
  const metric = name ?? (pattern < 0 ? undefined : unquote(inside[pattern + 2]!.text));
  const text = expr.slice(start, inside.at(-1)!.end);
  if (metric === undefined) throw new Error(`A selector without a metric's name: ${text}`);
  return { text, metric, labels: labels.filter((label) => label !== "__name__") };
};

/** The labels among the arguments of the function whose parenthesis opens at `open`. */
const labelsOfCall = (all: ReadonlyArray<Token>, name: string, open: number): ReadonlyArray<string> => {
  const places = labelArguments[name];
  if (places === undefined) return [];
  const found: Array<string> = [];
  let place = 0;
  const end = closing(all, open) - 1;
  for (let at = open + 1; at < end; at++) {
    const { kind, text } = all[at]!;
    if (text === "(" || text === "{" || text === "[") at = closing(all, at) - 1;
    else if (text === ",") place += 1;
    else if (kind === "string" && places.includes(place)) found.push(unquote(text));
  }
  return found;
};

/**
 * What an expression names.
 *
 * @throws when it cannot be read.
 */
export const promqlNames = (expr: string): PromqlNames => {
  const all = tokens(expr);
  const selectors: Array<Selector> = [];
  const labels: Array<string> = [];
  for (let at = 0; at < all.length; at++) {
    const { kind, text, at: start, end } = all[at]!;
    const next = all[at + 1]?.text;
    const lower = text.toLowerCase();
    if (text === "[") at = closing(all, at) - 1;
    if (text === "{") {
      const behind = closing(all, at);
      selectors.push(selectorOf(expr, undefined, start, all.slice(at, behind)));
      at = behind - 1;
    }
    if (kind !== "name" || words.has(lower)) continue;
    if (grouping.has(lower)) {
      if (next !== "(") continue;
      const behind = closing(all, at + 1);
      labels.push(...namesIn(all.slice(at + 2, behind - 1)));
      at = behind - 1;
    } else if (next === "by" || next === "without") continue;
    else if (next === "(") labels.push(...labelsOfCall(all, text, at + 1));
    else if (next === "{") {
      const behind = closing(all, at + 1);
      selectors.push(selectorOf(expr, text, start, all.slice(at + 1, behind)));
      at = behind - 1;
    } else if (all[at - 1]?.text !== "@") selectors.push({ text: expr.slice(start, end), metric: text, labels: [] });
  }
  return { selectors, labels };
};
