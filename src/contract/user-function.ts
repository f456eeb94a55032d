/**
 * Handles values that user functions return or throw. Nothing here throws, whatever the value is: a proxy, an object
 * with throwing getters, or a promise that rejects later.
 */

import { cutText, isInstance, readField, readThrown, valueText } from "./thrown.ts";

const maxText = 200;

/** Whether it is a promise or another thenable. */
export const isThenable = (value: unknown): boolean => typeof readField(value, "then") === "function";

const ignore = (): void => {};

/** Prevents an unhandled rejection of a promise that is not awaited; `onRejected` receives its reason. */
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

/** Describes a returned value, for the end of the sentence "It returned …". */
export const returnedText = (value: unknown): string => {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return cutText(JSON.stringify(value), maxText);
  if (typeof value === "function") return "a function";
  if (isThenable(value)) return "a promise";
  if (isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : cutText(valueText(value), maxText);
};

/** Describes a thrown value, as in `TypeError: it is broken`. */
export const thrownText = (thrown: unknown): string => {
  if (typeof thrown === "string") return cutText(thrown, maxText);
  if (!isInstance(thrown, Error)) return returnedText(thrown);
  const { name, message } = readThrown(thrown);
  return cutText(message === "" ? name : `${name}: ${message}`, maxText);
};
