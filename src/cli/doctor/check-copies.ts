/** Checks that the packages of a project load a single copy of Firelight. */
import { packageCopies } from "../../contract/process/copies.ts";
import { type Finding, failed } from "./finding.ts";
import { dependenciesOf, findPackage, type InstalledPackage } from "./installed-package.ts";

const own = "firelight";

interface Copy {
  readonly version: string;
  readonly folder: string;
  /** The packages that load it. */
  readonly usedBy: Array<string>;
}

/** Returns the copies that the project and its dependencies load, by folder. */
const installedCopies = (project: string): Map<string, Copy> => {
  const copies = new Map<string, Copy>();
  const add = (found: InstalledPackage, user: string): void => {
    const copy = copies.get(found.folder);
    if (copy === undefined) copies.set(found.folder, { ...found, usedBy: [user] });
    else if (!copy.usedBy.includes(user)) copy.usedBy.push(user);
  };
  const mine = findPackage(own, project);
  if (mine !== undefined) add(mine, "your code");

  const seen = new Set<string>();
  const visit = (folder: string, user: string): void => {
    if (seen.has(folder)) return;
    seen.add(folder);
    for (const name of dependenciesOf(folder, folder === project)) {
      const found = findPackage(name, folder);
      if (found === undefined) continue;
      if (name === own) add(found, user);
      else visit(found.folder, `${name} ${found.version}`);
    }
  };
  visit(project, "your code");
  return copies;
};

/** Reports a finding if there is more than one copy: installed, or loaded by the configuration module. */
export const checkCopies = (project: string): ReadonlyArray<Finding> => {
  const copies = installedCopies(project);
  const doctorsOwn = packageCopies()[0]?.path;
  for (const { path, version } of packageCopies()) {
    if (path !== doctorsOwn && !copies.has(path))
      copies.set(path, { version, folder: path, usedBy: ["the configuration"] });
  }
  if (copies.size < 2) return [];
  const list = [...copies.values()].map(
    ({ version, folder, usedBy }) => `${version} in ${folder} for ${usedBy.slice(0, 3).join(", ")}`,
  );
  return [
    failed(
      "copies of firelight",
      `${copies.size} copies are installed: ${list.join("; ")}. A method that is registered with one copy is missing on a runner of the other`,
      'Keep one copy: run npm dedupe, or add an "overrides" entry for firelight to package.json. npm ls firelight shows which package needs which.',
    ),
  ];
};
