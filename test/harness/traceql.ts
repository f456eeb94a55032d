/** Reads the attributes in a TraceQL query with Tempo's grammar. */
import { parser } from "@grafana/lezer-traceql";
import { descendants, parseStrictly } from "./syntax-tree.ts";

/**
 * The attributes in a query, with their dots and without their scope. Words that are not part of the language, such as a
 * misspelled intrinsic, are syntax errors.
 *
 * @throws {SyntaxError} if Tempo would not parse the query.
 */
export const traceqlAttributes = (query: string): ReadonlyArray<string> => {
  const top = parseStrictly("TraceQL", parser, query);
  return descendants(top, "AttributeField").map((field) => {
    const name = field.getChild("Identifier")!;
    return query.slice(name.from, name.to);
  });
};
