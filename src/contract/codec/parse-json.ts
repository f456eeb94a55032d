/**
 * Parses JSON with the runtime's parser, except where V8 gets keys wrong: once an object with the key `\` was parsed, it
 * reads a key such as `"` or a line break at the same place as `\` (https://github.com/nodejs/node/issues/63785). A key
 * that is read wrong contains a backslash, so objects with such keys are read again.
 */
import { JsonReader } from "./json-reader.ts";
import { MAX_DEPTH } from "./limits.ts";

/** Depth up to which keys are checked: annotations may be nested deeper than the JSON. */
const maxDepth = 3 * MAX_DEPTH;

/** Whether a key contains a backslash. True as well for what is nested too deep. */
const hasBackslashKey = (value: object, depth: number): boolean => {
  if (depth > maxDepth) return true;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      if (typeof item === "object" && item !== null && hasBackslashKey(item, depth + 1)) return true;
    }
    return false;
  }
  for (const key in value) {
    if (key.includes("\\")) return true;
    const item: unknown = (value as Record<string, unknown>)[key];
    if (typeof item === "object" && item !== null && hasBackslashKey(item, depth + 1)) return true;
  }
  return false;
};

/**
 * Parses JSON as `JSON.parse` does. For JSON with a backslash in a key, annotations are in a `Map`, as the
 * {@link JsonReader} gives them.
 *
 * @throws {SyntaxError | TypeError | RangeError} if it is not JSON; with a backslash in a key, also beyond the limits
 */
export const parseJson = (text: string): unknown => {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !text.includes("\\") || !hasBackslashKey(value, 1)) return value;
  const reader = new JsonReader(Buffer.from(text));
  while (!reader.read(Infinity));
  return reader.value;
};
