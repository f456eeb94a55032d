/** The words of a PromQL expression, told apart by what they are: metrics, labels, functions, variables. */

export interface PromqlWords {
  /** Names of metrics, and regular expressions of `__name__`. */
  readonly metrics: ReadonlySet<string>;
  readonly labels: ReadonlySet<string>;
  readonly functions: ReadonlySet<string>;
}

const keywords = new Set([
  "by",
  "without",
  "on",
  "ignoring",
  "group_left",
  "group_right",
  "or",
  "and",
  "unless",
  "offset",
  "bool",
]);
const grouping = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"]);
const token = /"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[a-zA-Z_:][\w:]*|[=!]~|[=!<>]=|\S/g;

/** Takes an expression apart. It must be one that Prometheus understands. */
export const promqlWords = (expr: string): PromqlWords => {
  const metrics = new Set<string>();
  const labels = new Set<string>();
  const functions = new Set<string>();
  const tokens = [...expr.matchAll(token)].map(([word]) => word);
  let braces = false;
  let groupingList = false;
  tokens.forEach((word, index) => {
    const next = tokens[index + 1];
    if (word === "{") braces = true;
    if (word === "}") braces = false;
    if (word === ")" && groupingList) groupingList = false;
    if (!/^[a-zA-Z_:]/.test(word)) return;
    if (braces) {
      if (word === "__name__") metrics.add(JSON.parse(tokens[index + 2] ?? '""') as string);
      else labels.add(word);
    } else if (groupingList) labels.add(word);
    else if (grouping.has(word) && next === "(") groupingList = true;
    else if (keywords.has(word)) return;
    else if (next === "(" || grouping.has(next ?? "")) functions.add(word);
    else metrics.add(word);
  });
  return { metrics, labels, functions };
};

/** The names of variables in a text, as `$name`, `${name}` or `${name:format}`; of fields, `${__field.labels.x}`. */
export const variablesIn = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/\$(?:\{([a-zA-Z_][\w.]*)(?::\w+)?\}|([a-zA-Z_]\w*))/g)].map(
      ([, braced, bare]) => braced ?? bare ?? "",
    ),
  );
