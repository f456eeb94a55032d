/**
 * Finds types that users can see and not name: they are reached from what an entry point exports, and no entry point
 * exports them. Reads the built declarations with TypeScript's own parser and checker.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { API, SymbolFlags, type Checker, type Project, type Symbol as TypeSymbol } from "typescript/unstable/sync";
import {
  isExpressionWithTypeArguments,
  isIdentifier,
  isImportTypeNode,
  isQualifiedName,
  isTypeQueryNode,
  isTypeReferenceNode,
  type Node,
} from "typescript/unstable/ast";

const nameIn = (node: Node): Node | undefined => {
  if (isTypeReferenceNode(node)) return node.typeName;
  if (isExpressionWithTypeArguments(node)) return node.expression;
  if (isTypeQueryNode(node)) return node.exprName;
  if (isImportTypeNode(node)) return node.qualifier;
  return undefined;
};

const rightmost = (name: Node): Node => (isQualifiedName(name) ? name.right : name);

/** The names of types that a declaration mentions, bodies and private members left out by the build already. */
const namesIn = (declaration: Node): ReadonlyArray<Node> => {
  const found: Array<Node> = [];
  const visit = (node: Node): undefined => {
    const name = nameIn(node);
    if (name !== undefined && isIdentifier(rightmost(name))) found.push(rightmost(name));
    node.forEachChild(visit);
    return undefined;
  };
  visit(declaration);
  return found;
};

const target = (checker: Checker, symbol: TypeSymbol): TypeSymbol =>
  (symbol.flags & SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);

const exportsOf = (project: Project, file: string): ReadonlyArray<TypeSymbol> => {
  const source = project.program.getSourceFile(file);
  const module = source && project.checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${file} is no module. Build first.`);
  return project.checker.getExportsOfModule(module).map((symbol) => target(project.checker, symbol));
};

/**
 * @param root the project's folder
 * @param entries declaration files of the entry points, such as `dist/index.d.ts`
 * @returns a line for each type that cannot be named, with what leads to it
 */
export const unexportedTypes = (root: string, entries: ReadonlyArray<string>): ReadonlyArray<string> => {
  const folder = join(root, `.cache/unexported-types-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "tsconfig.json");
  const files = entries.map((entry) => resolve(root, entry));
  writeFileSync(
    config,
    JSON.stringify({ extends: "../../tsconfig.json", compilerOptions: { rootDir: root }, files, include: [] }),
  );
  const api = new API({ cwd: root });
  try {
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    if (project === undefined) throw new Error(`TypeScript did not load ${config}.`);
    const { checker } = project;
    const exported = new Map(files.flatMap((file) => exportsOf(project, file).map((symbol) => [symbol.id, symbol])));
    const seen = new Set(exported.keys());
    const queue = [...exported.values()];
    const faults: Array<string> = [];
    for (const symbol of queue) {
      for (const handle of symbol.declarations) {
        const declaration = handle.resolve(project);
        if (declaration === undefined) continue;
        for (const name of namesIn(declaration)) {
          const found = checker.getSymbolAtLocation(name);
          if (found === undefined || (found.flags & SymbolFlags.TypeParameter) !== 0) continue;
          const type = target(checker, found);
          const [where] = type.declarations;
          const path = where === undefined ? "" : relative(root, where.path);
          if (!path.startsWith("dist") || seen.has(type.id)) continue;
          seen.add(type.id);
          queue.push(type);
          if ((type.flags & SymbolFlags.Type) === 0) continue;
          faults.push(`${type.name} (${path}) is reached from ${symbol.name}, and no entry point exports it`);
        }
      }
    }
    return faults;
  } finally {
    api.close();
    rmSync(folder, { recursive: true, force: true });
  }
};
