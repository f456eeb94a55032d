/** Shared by the readers of query languages: parsing without errors, and finding nodes. */
import type { SyntaxNode } from "@lezer/common";
import type { LRParser } from "@lezer/lr";

/**
 * Parses a query.
 *
 * @throws {SyntaxError} with the position of the first error.
 */
export const parseStrictly = (language: string, parser: LRParser, query: string): SyntaxNode => {
  const tree = parser.parse(query);
  tree.iterate({
    enter: ({ type, from }) => {
      if (type.isError) throw new SyntaxError(`Invalid ${language} at "${query.slice(from, from + 20)}":\n${query}`);
    },
  });
  return tree.topNode;
};

/** The nodes of these types below a node, in the order of the text, without the node itself. */
export const descendants = (node: SyntaxNode, ...types: ReadonlyArray<string>): ReadonlyArray<SyntaxNode> => {
  const found: Array<SyntaxNode> = [];
  node.cursor().iterate((inner) => {
    if (types.includes(inner.name) && (inner.from !== node.from || inner.to !== node.to || inner.name !== node.name))
      found.push(inner.node);
  });
  return found;
};

/** The children of a node. */
export const childrenOf = (node: SyntaxNode): ReadonlyArray<SyntaxNode> => {
  const children: Array<SyntaxNode> = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) children.push(child);
  return children;
};
