/**
 * Proves that a value is plain: that JSON says all of it, so that
 * `JSON.stringify` gives the bytes that superjson would.
 */
import { isForbiddenKey, MAX_DEPTH, MAX_MEMBERS, MAX_NODES } from "./limits.ts";

interface Walk {
  readonly seen: Set<object>;
  nodes: number;
}

const isPlainObject = (value: object, depth: number, walk: Walk): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  let members = 0;
  for (const key in value) {
    if (
      ++members > MAX_MEMBERS ||
      isForbiddenKey(key) ||
      !isPlainValue((value as Record<string, unknown>)[key], depth, walk)
    )
      return false;
  }
  return true;
};

const isPlainArray = (value: ReadonlyArray<unknown>, depth: number, walk: Walk): boolean => {
  if (Object.getPrototypeOf(value) !== Array.prototype) return false;
  for (let index = 0; index < value.length; index++) {
    if (!isPlainValue(value[index], depth, walk)) return false;
  }
  return true;
};

const isPlainValue = (value: unknown, depth: number, walk: Walk): boolean => {
  if (++walk.nodes > MAX_NODES) return false;
  if (typeof value === "string" || typeof value === "boolean" || value === null) return true;
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== "object" || depth === MAX_DEPTH || walk.seen.has(value) || "toJSON" in value) return false;
  walk.seen.add(value);
  return Array.isArray(value) ? isPlainArray(value, depth + 1, walk) : isPlainObject(value, depth + 1, walk);
};

/**
 * True for null, strings, booleans, finite numbers but -0, and dense arrays and plain objects of these in which no object
 * occurs twice and no key is forbidden. False means only that superjson has to look at it.
 */
export const isPlainJson = (value: unknown): boolean => isPlainValue(value, 0, { seen: new Set(), nodes: 0 });
