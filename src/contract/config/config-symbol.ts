/** How tools that check a configuration get at the one that an instance has. */

/** The key under which an instance has its configuration, in every copy of this package. Not for programs: it holds secrets. */
export const configuration: unique symbol = Symbol.for("firelight/configuration");
