/** Reads the names that a built module exports, types included, from its declaration file. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const comment = /\/\*[\s\S]*?\*\//g;
const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(const|let|var|function\*?|class|enum|interface|type|namespace) ([\w$]+)/gm;
const list = /^export (type )?\{([^}]*)\}/gm;
const star = /^export (type )?\* from "([^"]+)"/gm;

const erased: ReadonlySet<string> = new Set(["interface", "type"]);

/**
 * @param file a `.d.ts` file
 * @returns sorted names; what exists for the type checker only is prefixed with `type `
 */
export const publicNames = (file: string): ReadonlyArray<string> => {
  const code = readFileSync(file, "utf8").replace(comment, "");
  const names = new Set<string>();
  for (const [, kind = "", name = ""] of code.matchAll(declaration))
    names.add(erased.has(kind) ? `type ${name}` : name);
  for (const [, allTypes, body = ""] of code.matchAll(list)) {
    for (const item of body.split(",").map((text) => text.trim())) {
      if (item === "") continue;
      const name =
        item
          .replace(/^type /, "")
          .split(" as ")
          .at(-1) ?? item;
      names.add(allTypes !== undefined || item.startsWith("type ") ? `type ${name}` : name);
    }
  }
  for (const [, , specifier = ""] of code.matchAll(star)) {
    const target = join(dirname(file), specifier.replace(/\.(js|ts)$/, ".d.ts"));
    for (const name of publicNames(target)) names.add(name);
  }
  return [...names].toSorted((a, b) => a.replace("type ", "").localeCompare(b.replace("type ", ""), "en"));
};
