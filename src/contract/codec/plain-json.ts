/** Checks whether JSON represents a value completely, so that `JSON.stringify` gives the same bytes as superjson. */
import { isForbiddenKey, MAX_DEPTH, MAX_MEMBERS, MAX_NODES } from "./limits.ts";

interface Traversal {
  readonly seen: Set<object>;
  nodes: number;
}

const isPlainObject = (value: object, depth: number, traversal: Traversal): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  let members = 0;
  for (const key in value) {
    if (
      ++members > MAX_MEMBERS ||
      isForbiddenKey(key) ||
      !isPlainValue((value as Record<string, unknown>)[key], depth, traversal)
    )
      return false;
  }
  return true;
};

const isPlainArray = (value: ReadonlyArray<unknown>, depth: number, traversal: Traversal): boolean => {
  if (Object.getPrototypeOf(value) !== Array.prototype) return false;
  for (let index = 0; index < value.length; index++) {
    if (!isPlainValue(value[index], depth, traversal)) return false;
  }
  return true;
};

const isPlainValue = (value: unknown, depth: number, traversal: Traversal): boolean => {
  if (++traversal.nodes > MAX_NODES) return false;
  if (typeof value === "string" || typeof value === "boolean" || value === null) return true;
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== "object" || depth === MAX_DEPTH || traversal.seen.has(value) || "toJSON" in value) return false;
  traversal.seen.add(value);
  return Array.isArray(value) ? isPlainArray(value, depth + 1, traversal) : isPlainObject(value, depth + 1, traversal);
};

/**
 * True for null, strings, booleans, finite numbers except -0, and dense arrays and plain objects of these in which no
 * object occurs twice and no key is forbidden. False only means that superjson has to handle the value.
 */
export const isPlainJson = (value: unknown): boolean => isPlainValue(value, 0, { seen: new Set(), nodes: 0 });
