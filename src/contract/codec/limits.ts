/**
 * How large and deep a message may be, beside its bytes. Both sides keep to the
 * same limits, so that a sender learns of them before anything is sent.
 */

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
