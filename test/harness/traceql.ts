/** Reads which attributes a TraceQL query names, by Tempo's own grammar. */
import { parser } from "@grafana/lezer-traceql";
import { descendants, parseStrictly } from "./syntax-tree.ts";

/**
 * The attributes that a query names, with their dots and without their scope. Words that are no part of the language,
 * such as a misspelled intrinsic, are syntax errors.
 *
 * @throws {SyntaxError} when Tempo would not parse the query.
 */
export const traceqlAttributes = (query: string): ReadonlyArray<string> => {
  const top = parseStrictly("TraceQL", parser, query);
  return descendants(top, "AttributeField").map((field) => {
    const name = field.getChild("Identifier")!;
    return query.slice(name.from, name.to);
  });
};
