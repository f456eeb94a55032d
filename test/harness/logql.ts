/** Reads the labels in a LogQL query with Loki's grammar. */
import { parser } from "@grafana/lezer-logql";
import { descendants, parseStrictly } from "./syntax-tree.ts";

/**
 * The labels of stream selectors, filters and groupings.
 *
 * @throws {SyntaxError} if Loki would not parse the query, or it selects no streams.
 */
export const logqlLabels = (query: string): ReadonlyArray<string> => {
  const top = parseStrictly("LogQL", parser, query);
  if (descendants(top, "Selector").length === 0) throw new SyntaxError(`LogQL without a stream selector:\n${query}`);
  return descendants(top, "Identifier").map(({ from, to }) => query.slice(from, to));
};
