/**
 * Projects of new users: empty folders into which a package manager installs the packages of a page in their newest versions,
 * with the packed package as `firelight`. An installation is kept until the page's commands or the dependencies of the package
 * change.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { runtimes } from "../../harness/runtimes.ts";
import { installProject } from "./projects.ts";

const root = join(import.meta.dirname, "../../..");
/** Outside of this project, because programs inside it would resolve its packages. */
const cache = process.env["FIRELIGHT_ECOSYSTEM_CACHE"] ?? join(tmpdir(), "firelight-ecosystem");
const run = promisify(execFile);

export type PackageManager = "npm" | "pnpm" | "bun";

let pnpm: Promise<string> | undefined;

/** pnpm in a locked version. */
const pnpmProgram = (tarball: string): Promise<string> =>
  (pnpm ??= installProject("pnpm", tarball).then((folder) => join(folder, "node_modules/.bin/pnpm")));

const commandOf = async (
  manager: PackageManager,
  tarball: string,
): Promise<readonly [program: string, ...args: Array<string>]> => {
  if (manager === "npm") return ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund"];
  if (manager === "bun") return [runtimes.bun, "add"];
  return [await pnpmProgram(tarball), "add", "--prefer-offline", "--store-dir", join(cache, "pnpm-store")];
};

/** A project, and the output of its package manager. */
export interface CleanProject {
  readonly folder: string;
  readonly said: string;
}

/**
 * Runs install commands in an empty project, each a list of packages.
 *
 * @param sources the folder of `test/ecosystem/projects` whose programs are copied into the project
 * @throws the output of the package manager if it fails
 */
export const cleanProject = async (
  manager: PackageManager,
  commands: ReadonlyArray<ReadonlyArray<string>>,
  tarball: string,
  sources?: string,
): Promise<CleanProject> => {
  const { dependencies, peerDependencies, bundleDependencies } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const key = createHash("sha256")
    .update(JSON.stringify([manager, commands, dependencies, peerDependencies, bundleDependencies]))
    .digest("hex")
    .slice(0, 12);
  const folder = join(cache, `clean-${manager}-${key}`);
  const record = join(folder, ".installed");
  if (!existsSync(record)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), `{"name":"clean","private":true,"type":"module"}\n`);
    let said = "";
    const [program, ...args] = await commandOf(manager, tarball);
    for (const packages of commands) {
      const specs = packages.map((name) => (name === "firelight" ? tarball : name));
      const { stdout, stderr } = await run(program, [...args, ...specs], {
        cwd: folder,
        timeout: 600_000,
        maxBuffer: 64 * 1024 * 1024,
      });
      said += `$ ${manager} ${specs.join(" ")}\n${stdout}${stderr}`;
    }
    writeFileSync(record, said);
  }
  if (sources !== undefined) cpSync(join(root, "test/ecosystem/projects", sources), folder, { recursive: true });
  return { folder, said: readFileSync(record, "utf8") };
};
