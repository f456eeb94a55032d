/** Reads the series, labels and functions in a PromQL expression with Prometheus's grammar. */
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { childrenOf, descendants, parseStrictly } from "./syntax-tree.ts";

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** A series that an expression selects. */
export interface Selector {
  /** The text of the selector with its braces, without a range or an offset. */
  readonly text: string;
  /** The metric; a regular expression where the selector matches `__name__` with one. */
  readonly metric: string;
  /** The matchers other than the one for `__name__`. */
  readonly matchers: ReadonlyArray<Matcher>;
  /** The range in brackets, as written; `undefined` for an instant vector. */
  readonly range: string | undefined;
  /** The function whose direct argument the selector is. */
  readonly function: string | undefined;
}

export interface PromqlNames {
  readonly selectors: ReadonlyArray<Selector>;
  /** Labels of `by`, `without`, `on`, `ignoring`, `group_left` and `group_right`, and those that functions read. */
  readonly labels: ReadonlyArray<string>;
  /** Labels that functions create. */
  readonly createdLabels: ReadonlyArray<string>;
  /** Functions and aggregations. */
  readonly functions: ReadonlyArray<string>;
}

/** Grafana's duration variables. They are valid PromQL only after Grafana has replaced them. */
const durationVariable = /\$__(?:rate_interval|interval|range)\b/g;

/** The string arguments that are label names, by position. */
const labelArguments: Readonly<
  Record<string, { readonly created: number; readonly read: (position: number) => boolean }>
> = {
  label_replace: { created: 1, read: (position) => position === 3 },
  label_join: { created: 1, read: (position) => position >= 3 },
  sort_by_label: { created: -1, read: (position) => position >= 1 },
  sort_by_label_desc: { created: -1, read: (position) => position >= 1 },
  count_values: { created: 0, read: () => false },
};

/**
 * Reads the names in an expression. Durations may be variables of Grafana.
 *
 * @throws {SyntaxError} if Prometheus would not parse the expression.
 */
export const promqlNames = (expr: string): PromqlNames => {
  const padded = expr.replaceAll(durationVariable, (name) => "1m".padEnd(name.length));
  const top = parseStrictly("PromQL", parser, padded);
  const textOf = ({ from, to }: SyntaxNode): string => expr.slice(from, to);
  const unquoted = (node: SyntaxNode): string => textOf(node).slice(1, -1);

  const selectorOf = (node: SyntaxNode): Selector => {
    const matchers = descendants(node, "UnquotedLabelMatcher", "QuotedLabelMatcher").map((matcher): Matcher => {
      const [label, operator, value] = childrenOf(matcher);
      return {
        label: label!.name === "QuotedLabelName" ? unquoted(label!) : textOf(label!),
        operator: textOf(operator!),
        value: unquoted(value!),
      };
    });
    const name = node.getChild("Identifier");
    const quotedName = node.getChild("LabelMatchers")?.getChild("QuotedLabelName");
    const metric =
      (name && textOf(name)) ??
      (quotedName && unquoted(quotedName)) ??
      matchers.find(({ label }) => label === "__name__")?.value;
    if (metric === undefined) throw new SyntaxError(`A selector without a metric name: ${textOf(node)}`);
    const matrix = node.parent?.name === "MatrixSelector" ? node.parent : undefined;
    const brackets = matrix && expr.slice(node.to, matrix.to).trim();
    const body = (matrix ?? node).parent;
    const call = body?.name === "FunctionCallBody" ? body.parent?.getChild("FunctionIdentifier") : undefined;
    return {
      text: textOf(node),
      metric,
      matchers: matchers.filter(({ label }) => label !== "__name__"),
      range: brackets?.slice(1, -1),
      function: call ? textOf(call) : undefined,
    };
  };

  const labels = descendants(top, "GroupingLabels").flatMap((list) => descendants(list, "LabelName").map(textOf));
  const createdLabels: Array<string> = [];
  const functions: Array<string> = [];
  for (const call of descendants(top, "FunctionCall", "AggregateExpr")) {
    const name = textOf(call.getChild("FunctionIdentifier") ?? call.getChild("AggregateOp")!);
    functions.push(name);
    const positions = labelArguments[name];
    childrenOf(call.getChild("FunctionCallBody")!).forEach((argument, position) => {
      if (argument.name !== "StringLiteral" || unquoted(argument) === "") return;
      if (position === positions?.created) createdLabels.push(unquoted(argument));
      else if (positions?.read(position) === true) labels.push(unquoted(argument));
    });
  }
  return { selectors: descendants(top, "VectorSelector").map(selectorOf), labels, createdLabels, functions };
};
