/**
 * How large and deep a message may be, beside its bytes. Both sides keep to the
 * same limits, so that a sender learns of them before anything is sent.
 */

/** Whether a value is an object that is not an array. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const visit = (value: object, depth: number, before: number): number => {
  if (depth > MAX_DEPTH) throw new RangeError(`it is more than ${MAX_DEPTH} containers deep`);
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
        throw new TypeError(`it has a key ${key}, which is refused because it could change prototypes`);
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
 * @throws {TypeError | RangeError} saying what is wrong with it.
 */
export const requireSafeJson = (value: unknown): void => {
  if (typeof value === "object" && value !== null) visit(value, 1, 1);
};

/** Containers around a value, at most. Handlers that walk their arguments recursively are safe at this depth. */
export const MAX_DEPTH = 200;

/** Values in one message, at most. Long lists of numbers are far better off in a typed array, which counts as one. */
export const MAX_NODES = 2_000_000;

/** Keys of one object, entries of one Map and items of one Set, at most: a hash table grows in one go, however large it is. */
export const MAX_MEMBERS = 131_072;

/** Values in one message that plain JSON cannot say, and second ways to the same object, at most; superjson lists them in one object. */
export const MAX_ANNOTATIONS = 131_072;

/** Digits of a bigint, at most: reading one takes time quadratic in its digits. */
export const MAX_BIGINT_DIGITS = 4_096;

/** Characters of a URL, at most: parsing one takes several times as long as copying it. */
export const MAX_URL_LENGTH = 65_536;

/** Whether a key could change the prototype of whatever it is copied into. */
export const isForbiddenKey = (key: string): boolean =>
  key === "__proto__" || key === "constructor" || key === "prototype";
