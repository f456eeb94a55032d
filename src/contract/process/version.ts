/**
 * The version of this package and of the runtimes that it requires. Copied from the manifest, which a bundle does not
 * have.
 */

/** The version of this copy of the package. */
export const VERSION = "0.1.0";

/** The oldest supported versions. */
export const oldestRuntimes = { node: "22.19.0", bun: "1.3.14" } as const;
