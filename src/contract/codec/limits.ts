/**
 * Limits on the size and depth of a message besides its bytes. Both sides enforce them, so a sender learns of them
 * before it sends.
 */

/** Whether a value is an object that is not an array. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const visit = (value: object, depth: number, before: number): number => {
  if (depth > MAX_DEPTH) throw new RangeError(`it is nested more than ${MAX_DEPTH} levels deep`);
  let nodes = before;
  if (Array.isArray(value)) {
    nodes += value.length;
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      if (typeof item === "object" && item !== null) nodes = visit(item, depth + 1, nodes);
    }
  } else {
    let members = 0;
    for (const key in value) {
      if (isForbiddenKey(key))
        throw new TypeError(`it has a key ${key}, which is not allowed because it could change prototypes`);
      if (++members > MAX_MEMBERS) throw new RangeError(`it has an object of more than ${MAX_MEMBERS} keys`);
      nodes++;
      const item: unknown = (value as Record<string, unknown>)[key];
      if (typeof item === "object" && item !== null) nodes = visit(item, depth + 1, nodes);
    }
  }
  if (nodes > MAX_NODES) throw new RangeError(`it holds more than ${MAX_NODES} values`);
  return nodes;
};

/**
 * Checks parsed JSON for depth, size and keys that could change prototypes.
 *
 * @throws {TypeError | RangeError} with the problem
 */
export const requireSafeJson = (value: unknown): void => {
  if (typeof value === "object" && value !== null) visit(value, 1, 1);
};

/** Maximum nesting depth. Handlers that process their arguments recursively are safe at this depth. */
export const MAX_DEPTH = 200;

/** Maximum number of values in a message. A typed array counts as one, so it is better for long lists of numbers. */
export const MAX_NODES = 2_000_000;

/** Maximum number of keys of an object, entries of a Map and items of a Set: a hash table grows without pauses. */
export const MAX_MEMBERS = 131_072;

/**
 * Maximum number of values that plain JSON cannot represent and of additional references to an object; superjson lists
 * them in one object.
 */
export const MAX_ANNOTATIONS = 131_072;

/** Maximum digits of a bigint: parsing one takes quadratic time. */
export const MAX_BIGINT_DIGITS = 4_096;

/** Maximum characters of a URL: parsing one takes several times as long as copying it. */
export const MAX_URL_LENGTH = 65_536;

/** Whether a key could change the prototype of the object that it is copied into. */
export const isForbiddenKey = (key: string): boolean =>
  key === "__proto__" || key === "constructor" || key === "prototype";
