/**
 * The copies of this package in the process: a second version installed by a dependency, or one in a bundle in addition
 * to one in `node_modules`. They share no registry, so errors about missing methods mention them.
 */
import { callSite } from "./call-site.ts";
import { VERSION } from "./version.ts";

/** Returns the value with the given name, created by the first copy that requests it. */
export const processWide = <Value>(name: string, make: () => Value): Value => {
  const scope = globalThis as Record<symbol, unknown>;
  return (scope[Symbol.for(`firelight/${name}`)] ??= make()) as Value;
};

/** One copy. Other versions read this object, so its shape must stay compatible. */
export interface PackageCopy {
  readonly version: string;
  /** The package's folder, or the bundle that contains it. */
  readonly path: string;
  /** The names of all methods registered with it, in any registry. */
  readonly methods: Set<string>;
}

const copies: Map<string, PackageCopy> = processWide("copies", () => new Map());

/** The location of this code. It is taken from the stack, because the module URL is not available in every bundle. */
const ownLocation = (): string => callSite(ownLocation)?.file ?? import.meta.url ?? "a bundle";

const ownPath = ownLocation()
  .replace(/^file:\/\//, "")
  .replace(/\/(?:dist|src)\/contract\/process\/copies\.[jt]s$/, "");

/** This copy. When it is evaluated again, as with `bun --hot`, it replaces the earlier evaluation. */
export const thisCopy: PackageCopy = { version: VERSION, path: ownPath, methods: new Set() };

copies.set(ownPath, thisCopy);

/** All copies in load order. */
export const packageCopies = (): ReadonlyArray<PackageCopy> => [...copies.values()];

/** Returns a note for errors that several copies may explain; empty if there is only one. */
export const copiesNote = (detail = ""): string => {
  const all = packageCopies();
  if (all.length === 1) return "";
  const list = all.map(({ version, path }) => `${version} in ${path}`).join("; ");
  return (
    ` This process has ${all.length} copies of firelight, which do not share methods: ${list}.${detail}` +
    " Keep one copy: run npm dedupe, or keep firelight out of the bundle (Next: serverExternalPackages). npm ls firelight and firelight doctor show which packages install it."
  );
};

/**
 * Returns a note for errors about a missing method: that it was, or may have been, registered with another copy or in
 * another registry of this process. Empty if neither applies.
 */
export const whyUnregistered = (name: string): string => {
  const owner = packageCopies().find((copy) => copy !== thisCopy && copy.methods.has(name));
  const note = copiesNote(owner === undefined ? "" : ` ${name} is registered with the copy in ${owner.path}.`);
  if (note !== "") return note;
  return thisCopy.methods.has(name)
    ? ` Another instance in this process has ${name}. Give both the same registry: createFlame(config, { registry }).`
    : "";
};
