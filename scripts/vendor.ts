/**
 * Puts parts of two packages that the build imports into `dist`:
 *
 * - `@effect/opentelemetry`. As a dependency, its optional peers, which exclude OpenTelemetry's SDK 3, would make package
 *   managers report conflicts in every project that has that SDK; the part that is used needs nothing but `effect` and
 *   OpenTelemetry's API.
 * - The server of `ws`, without its optional native packages. As a dependency, they would make bundlers warn that they are
 *   not installed.
 */
import { buildSync } from "esbuild";
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

const wsFolder = join(dist, "vendor/ws");
const wsSource = dirname(createRequire(import.meta.url).resolve("ws/package.json"));
buildSync({
  stdin: {
    contents: 'export { default as WebSocketServer } from "./lib/websocket-server.js";',
    resolveDir: wsSource,
  },
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node22",
  define: { "process.env.WS_NO_BUFFER_UTIL": '"1"', "process.env.WS_NO_UTF_8_VALIDATE": '"1"' },
  minifySyntax: true,
  legalComments: "inline",
  outfile: join(wsFolder, "server.cjs"),
});
copyFileSync(join(wsSource, "LICENSE"), join(wsFolder, "LICENSE"));
const links = join(dist, "runner/link/node-links.js");
const linksCode = readFileSync(links, "utf8");
const ownLinks = linksCode.replace('import("ws")', 'import("../../vendor/ws/server.cjs")');
if (ownLinks === linksCode) throw new Error(`${links} does not import ws, which is bundled for it.`);
writeFileSync(links, ownLinks);
writeFileSync(
  join(folder, "README.md"),
  `Parts of ${name} ${version}, unchanged, under its own license beside this file.\n`,
);
