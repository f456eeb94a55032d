/**
 * Projects of users: folders of `test/ecosystem/projects` with third-party packages in locked versions, installed together
 * with the packed package in `.cache/ecosystem`. An installation is kept until its lock file or the dependencies of the
 * package change.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../../..");
const cache = join(root, ".cache/ecosystem");
const run = promisify(execFile);

/** Packs the package as `npm publish` does. Requires a built `dist`. */
export const packPackage = async (): Promise<string> => {
  const folder = join(cache, "package");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { stdout } = await run(
    "npm",
    ["pack", "--ignore-scripts", "--json", "--loglevel=error", "--pack-destination", folder],
    { cwd: root },
  );
  const [packed] = JSON.parse(stdout) as ReadonlyArray<{ readonly filename: string }>;
  return join(folder, packed!.filename);
};

const readIfThere = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

/** A hash of everything that an installation depends on. */
const keyOf = (source: string): string => {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<
    string,
    unknown
  >;
  return createHash("sha256")
    .update(readIfThere(join(source, "package.json")))
    .update(readIfThere(join(source, "package-lock.json")))
    .update(JSON.stringify([dependencies, peerDependencies]))
    .digest("hex")
    .slice(0, 12);
};

const npm = (cwd: string, args: ReadonlyArray<string>): Promise<unknown> =>
  run("npm", [...args, "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd,
    timeout: 600_000,
    maxBuffer: 64 * 1024 * 1024,
  });

/**
 * Installs a project and the package. Returns the project's folder, with the current sources of the project.
 *
 * @param name the project's folder in `test/ecosystem/projects`
 * @param tarball the packed package, from `inject("tarball")`
 */
export const installProject = async (name: string, tarball: string): Promise<string> => {
  const source = join(root, "test/ecosystem/projects", name);
  const folder = join(cache, `${name}-${keyOf(source)}`);
  const installed = join(folder, ".installed");
  if (!existsSync(installed)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const file of ["package.json", "package-lock.json"]) {
      if (existsSync(join(source, file))) cpSync(join(source, file), join(folder, file));
    }
    await npm(folder, [existsSync(join(folder, "package-lock.json")) ? "ci" : "install"]);
    await npm(folder, ["install", "--no-save", tarball]);
    writeFileSync(installed, "");
  }
  await unpack(tarball, join(folder, "node_modules/firelight"));
  cpSync(source, folder, { recursive: true, filter: (path) => !path.includes("node_modules") });
  return folder;
};

/** Replaces the installed package with the packed one, which may be newer. */
const unpack = async (tarball: string, to: string): Promise<void> => {
  const fresh = `${to}-${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", fresh, "--strip-components=1"]);
  const nested = join(to, "node_modules");
  if (existsSync(nested)) renameSync(nested, join(fresh, "node_modules"));
  rmSync(to, { recursive: true, force: true });
  renameSync(fresh, to);
};
