/** Bounds JSON that came over the wire before anything looks at it. */
import { isForbiddenKey, MAX_DEPTH, MAX_MEMBERS, MAX_NODES } from "./limits.ts";

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
