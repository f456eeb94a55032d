/**
 * The copies of this package in the process: a second version that a dependency brought, or one in a bundle beside one
 * in `node_modules`. They share no registry, so an error about a missing method has to know of them.
 */
import { callSite } from "./call-site.ts";
import { VERSION } from "./version.ts";

/** The value under a name, made by the copy that asks first. */
export const processWide = <Value>(name: string, make: () => Value): Value => {
  const scope = globalThis as Record<symbol, unknown>;
  return (scope[Symbol.for(`firelight/${name}`)] ??= make()) as Value;
};

/** One copy. Its shape must stay readable for other versions. */
export interface PackageCopy {
  readonly version: string;
  /** The package's folder, or the bundle that it is in. */
  readonly path: string;
  /** The names of all methods that were registered with it, in whatever registry. */
  readonly methods: Set<string>;
}

const copies: Map<string, PackageCopy> = processWide("copies", () => new Map());

/** Where this code is: the file that was loaded, which its URL does not say in every bundle. */
const ownLocation = (): string => callSite(ownLocation)?.file ?? import.meta.url ?? "a bundle";

const ownPath = ownLocation()
  .replace(/^file:\/\//, "")
  .replace(/\/(?:dist|src)\/contract\/process\/copies\.[jt]s$/, "");

/** This copy. Evaluated again, as `bun --hot` does, it takes the place of the earlier evaluation. */
export const thisCopy: PackageCopy = { version: VERSION, path: ownPath, methods: new Set() };

copies.set(ownPath, thisCopy);

/** All copies, in the order in which they were loaded. */
export const packageCopies = (): ReadonlyArray<PackageCopy> => [...copies.values()];

/** What to add to an error that more than one copy may explain; empty where there is one. */
export const copiesNote = (detail = ""): string => {
  const all = packageCopies();
  if (all.length === 1) return "";
  const list = all.map(({ version, path }) => `${version} in ${path}`).join("; ");
  return (
    ` This process has ${all.length} copies of firelight, which do not know of each other's methods: ${list}.${detail}` +
    " Leave one: npm dedupe, or keep firelight out of the bundle (Next: serverExternalPackages); npm ls firelight and firelight doctor show who brings it."
  );
};

/**
 * What to add to an error about a method that is not there: that it was registered with another copy or in another
 * registry of this process, or may have been. Empty where neither can be.
 */
export const whyUnregistered = (name: string): string => {
  const owner = packageCopies().find((copy) => copy !== thisCopy && copy.methods.has(name));
  const note = copiesNote(owner === undefined ? "" : ` ${name} is registered with that in ${owner.path}.`);
  if (note !== "") return note;
  return thisCopy.methods.has(name)
    ? ` Another instance in this process has ${name}: hand both the same registry, createFlame(config, { registry }).`
    : "";
};
