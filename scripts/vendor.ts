/**
 * Puts the part of `@effect/opentelemetry` that the build imports into `dist`. As a dependency, its optional peers, which
 * exclude OpenTelemetry's SDK 3, would make package managers report conflicts in every project that has that SDK; the part
 * that is used needs nothing but `effect` and OpenTelemetry's API.
 */
import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";

const name = "@effect/opentelemetry";
const dist = join(import.meta.dirname, "../dist");
const folder = join(dist, "vendor/effect-opentelemetry");
const source = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));

const specifier = new RegExp(`(from\\s+|import\\(\\s*)"${name}/([A-Za-z]+)"`, "g");
const relativeImport = /from\s+"(\.[^"]+)"/g;

/** Copies a module and those that it imports from its own package. */
const vendor = (path: string, done: Set<string> = new Set()): void => {
  if (done.has(path)) return;
  done.add(path);
  const code = readFileSync(join(source, "dist", path), "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, "");
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, code);
  for (const [, to = ""] of code.matchAll(relativeImport)) vendor(join(dirname(path), to), done);
};

const { version } = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as { readonly version: string };

for (const file of globSync("**/*.{js,d.ts}", { cwd: dist })) {
  if (file.startsWith("vendor")) continue;
  const path = join(dist, file);
  const code = readFileSync(path, "utf8");
  const rewritten = code.replace(specifier, (_, before: string, module: string) => {
    if (file.endsWith(".d.ts"))
      throw new Error(`${file} shows types of ${name}, which users of the package do not have.`);
    vendor(`${module}.js`);
    const to = relative(dirname(path), join(folder, `${module}.js`)).replaceAll("\\", "/");
    return `${before}"${to.startsWith(".") ? to : `./${to}`}"`;
  });
  if (rewritten !== code) writeFileSync(path, rewritten);
}
copyFileSync(join(source, "LICENSE"), join(folder, "LICENSE"));
writeFileSync(
  join(folder, "README.md"),
  `Parts of ${name} ${version}, unchanged, under its own license beside this file.\n`,
);
