/**
 * Checks the package as users receive it: packs it, runs publint and attw on the tarball, and compares the exports of
 * every subpath with `test/package/exports.snap.json`. `--update` rewrites that file after an intended change of the
 * public API.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publicNames } from "./public-names.ts";

process.chdir(join(import.meta.dirname, ".."));
const snapshotFile = "test/package/exports.snap.json";
const packFolder = ".cache/pack";

const run = (command: string, args: ReadonlyArray<string>, stdio: "inherit" | "ignore" = "inherit"): boolean => {
  const { status, error } = spawnSync(command, args, { stdio });
  if (error !== undefined) console.error(`✗ ${command} did not start: ${error.message}`);
  return status === 0;
};

const pack = (): string => {
  rmSync(packFolder, { recursive: true, force: true });
  mkdirSync(packFolder, { recursive: true });
  const packed = run("npm", ["pack", "--ignore-scripts", "--pack-destination", packFolder], "ignore");
  const tarball = readdirSync(packFolder).find((name) => name.endsWith(".tgz"));
  if (!packed || tarball === undefined) throw new Error("npm pack created no tarball. Run it manually to see why.");
  return join(packFolder, tarball);
};

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
}

const currentNames = (): Readonly<Record<string, ReadonlyArray<string>>> => {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
  const names: Record<string, ReadonlyArray<string>> = {};
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    if (typeof target === "string") continue;
    for (const file of [target.types, target.default]) {
      if (!existsSync(file)) throw new Error(`${subpath} points to ${file}, which the build did not create.`);
    }
    names[subpath] = publicNames(target.types);
  }
  return names;
};

const compareNames = (update: boolean): boolean => {
  const current = currentNames();
  if (update) writeFileSync(snapshotFile, `${JSON.stringify(current, undefined, 2)}\n`);
  const expected = JSON.parse(readFileSync(snapshotFile, "utf8")) as typeof current;
  const drift = [...new Set([...Object.keys(expected), ...Object.keys(current)])].flatMap((subpath) => {
    const [before, after] = [expected[subpath] ?? [], current[subpath] ?? []];
    return [
      ...before.filter((name) => !after.includes(name)).map((name) => `${subpath} lost ${name}`),
      ...after.filter((name) => !before.includes(name)).map((name) => `${subpath} gained ${name}`),
    ];
  });
  for (const line of drift) console.error(`✗ ${line}`);
  if (drift.length > 0)
    console.error(
      `If this is intended, run npm run check:exports -- --update and describe the change in CHANGELOG.md.`,
    );
  else console.log(`✓ The exports match ${snapshotFile}.`);
  return drift.length === 0;
};

const tarball = pack();
const results = [
  run("publint", ["run", tarball, "--strict"]),
  run("attw", [tarball, "--profile", "esm-only"]),
  compareNames(process.argv.includes("--update")),
];
if (results.includes(false)) process.exit(1);
