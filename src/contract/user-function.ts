/**
 * What is safe to say and do about a value that a user's function returned or threw. Nothing here throws, whatever it is
 * given: the value may be a proxy, an object with throwing getters, a promise that rejects later.
 */

import { cutText, isInstance, readField, readThrown, valueText } from "./thrown.ts";

const maxText = 200;

/** Whether it is a promise, or something that can be awaited like one. */
export const isThenable = (value: unknown): boolean => typeof readField(value, "then") === "function";

const ignore = (): void => {};

/** Makes sure that a promise which nobody awaits never becomes an unhandled rejection; `onRejected` gets its reason. */
export const catchRejection = (value: unknown, onRejected: (reason: unknown) => void = ignore): void => {
  if (!isThenable(value)) return;
  new Promise((resolve) => resolve(value)).then(ignore, onRejected);
};

const isArray = (value: unknown): boolean => {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
};

/** A returned value, for the end of the sentence "It returned …". */
export const returnedText = (value: unknown): string => {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return cutText(JSON.stringify(value), maxText);
  if (typeof value === "function") return "a function";
  if (isThenable(value)) return "a promise";
  if (isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : cutText(valueText(value), maxText);
};

/** What was thrown, as `TypeError: it is broken`. */
export const thrownText = (thrown: unknown): string => {
  if (typeof thrown === "string") return cutText(thrown, maxText);
  if (!isInstance(thrown, Error)) return returnedText(thrown);
  const { name, message } = readThrown(thrown);
  return cutText(message === "" ? name : `${name}: ${message}`, maxText);
};
