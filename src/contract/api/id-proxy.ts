/** Supports both spellings of functions that take an id: `create("id", ...rest)` and `create.id(...rest)`. */

/** Names that every function or promise has a meaning for already; as ids they take the string form. */
const reservedNames: ReadonlySet<string> = new Set(["then", "toJSON", "prototype", "arguments", "caller"]);

/**
 * Lets a function whose first argument is an id be called by property too.
 *
 * Names that JavaScript looks up on every function or on anything that may be a promise (`then`, `call`, `apply`,
 * `bind`, `length`, `name`, `prototype`, `constructor`, `toString`, `toJSON`, …) keep their meaning: use the string form
 * for an id like these.
 */
export const withIdProperties = <Made>(make: (id: string, ...rest: ReadonlyArray<never>) => unknown): Made =>
  new Proxy(make, {
    get: (target, key, receiver) => {
      if (typeof key === "string" && reservedNames.has(key)) return undefined;
      if (typeof key === "symbol" || key in target) return Reflect.get(target, key, receiver);
      return make.bind(undefined, key);
    },
  }) as Made;
