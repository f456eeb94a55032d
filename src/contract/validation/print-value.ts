/**
 * Prints values that a user gave, for error messages: bounded, without the user and password of a URL, and without running
 * anything that belongs to the value.
 */

const maxChars = 80;

/** `scheme://user:password@host` without what stands before the host. */
const hideUserInfo = (text: string): string => text.replace(/\/\/[^\s/@]*@/g, "//[redacted]@");

/** A string in quotes, cut to a length that fits into a message. */
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

/** What a value is, without any of its content: for values that may be secret. */
export const printKind = (value: unknown): string => {
  if (value === null || value === undefined) return String(value);
  if (value === "") return "empty";
  return typeof value === "object" ? printObject(value) : `a ${typeof value}`;
};

/** A value as a message shows it: numbers, booleans and strings as they are, anything else by its kind. Never throws. */
export const printValue = (value: unknown): string => {
  if (typeof value === "string") return printText(value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : printKind(value);
};

/** The name of a field as it is written in code: as it is if it is an identifier, else in quotes. */
export const printName = (name: string): string => (/^[\w$]{1,64}$/.test(name) ? name : printText(name));
