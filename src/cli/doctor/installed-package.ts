/** Finds installed packages as the runtimes do: in the `node_modules` of a folder and of the folders above it. */
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** Its folder, with symbolic links resolved. */
  readonly folder: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

/** Returns the folder and the manifest of Firelight. */
export const firelight = (): { readonly folder: string; readonly manifest: Manifest } => {
  const folder = join(import.meta.dirname, "../../..");
  return { folder: realpathSync(folder), manifest: readManifest(folder) };
};

/**
 * Returns the dependencies of a package, with `development` including its development dependencies; none without a
 * readable manifest.
 */
export const dependenciesOf = (folder: string, development: boolean): ReadonlyArray<string> => {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
      string,
      object | undefined
    >;
    return [
      "dependencies",
      "optionalDependencies",
      "peerDependencies",
      ...(development ? ["devDependencies"] : []),
    ].flatMap((kind) => Object.keys(manifest[kind] ?? {}));
  } catch {
    return [];
  }
};

const foldersAbove = (start: string): ReadonlyArray<string> => {
  const folders = [start];
  for (let folder = start; dirname(folder) !== folder; folder = dirname(folder)) folders.push(dirname(folder));
  return folders;
};

/** Finds the package that `import name` in this folder would load. */
export const findPackage = (name: string, from: string): InstalledPackage | undefined => {
  for (const above of foldersAbove(from)) {
    try {
      const folder = realpathSync(join(above, "node_modules", name));
      return { name, version: readManifest(folder).version, folder };
    } catch {
      continue;
    }
  }
  return undefined;
};

/** Finds every package of a scope, such as `@opentelemetry`, that an import in this folder would load. */
export const packagesOfScope = (scope: string, from: string): ReadonlyArray<InstalledPackage> => {
  const names = new Set(
    foldersAbove(from).flatMap((above) => {
      try {
        return readdirSync(join(above, "node_modules", scope));
      } catch {
        return [];
      }
    }),
  );
  return [...names].flatMap((name) => findPackage(`${scope}/${name}`, from) ?? []);
};
