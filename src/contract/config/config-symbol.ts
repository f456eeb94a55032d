/** How tools that check a configuration read the one that an instance has. */

/** The key under which an instance stores its configuration, in every copy of this package. Not for programs: it holds secrets. */
export const configSymbol: unique symbol = Symbol.for("firelight/configuration");
