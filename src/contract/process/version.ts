/** The version of this package, and of the runtimes that it needs, as its manifest has them: a bundle has no manifest. */

/** The version of this copy of the package. */
export const VERSION = "0.1.0";

/** The oldest versions that it runs on. */
export const oldestRuntimes = { node: "22.19.0", bun: "1.3.14" } as const;
