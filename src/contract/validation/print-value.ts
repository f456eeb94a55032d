/**
 * Prints user-supplied values in error messages: bounded, without the credentials in URLs, and without running code of
 * the value.
 */

const maxChars = 80;

/** Removes the credentials from `scheme://user:password@host`. */
const hideUserInfo = (text: string): string => text.replace(/\/\/[^\s/@]*@/g, "//[redacted]@");

/** Prints a string in quotes, truncated to fit into a message. */
export const printText = (text: string): string => {
  const bounded = text.length <= maxChars ? text : `${text.slice(0, maxChars)}…`;
  return JSON.stringify(hideUserInfo(bounded));
};

const printObject = (value: object): string => {
  try {
    return Array.isArray(value) ? "an array" : value instanceof Promise ? "a promise" : "an object";
  } catch {
    return "an object";
  }
};

/** Describes a value without its content, for values that may be secret. */
export const printKind = (value: unknown): string => {
  if (value === null || value === undefined) return String(value);
  if (value === "") return "empty";
  return typeof value === "object" ? printObject(value) : `a ${typeof value}`;
};

/** Prints a value for a message: numbers, booleans and strings as they are, anything else by its kind. Never throws. */
export const printValue = (value: unknown): string => {
  if (typeof value === "string") return printText(value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : printKind(value);
};

/** Prints a field name as written in code: an identifier as is, otherwise in quotes. */
export const printName = (name: string): string => (/^[\w$]{1,64}$/.test(name) ? name : printText(name));
