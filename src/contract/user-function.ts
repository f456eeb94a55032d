/**
 * What is safe to say and do about a value that a user's function returned or threw. Nothing here throws, whatever it is
 * given: the value may be a proxy, an object with throwing getters, a promise that rejects later.
 */

const maxText = 200;

const cut = (text: string): string => (text.length <= maxText ? text : `${text.slice(0, maxText - 1)}…`);

/** Whether it is a promise, or something that can be awaited like one. */
export const isThenable = (value: unknown): boolean => {
  try {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
    return typeof (value as { then?: unknown }).then === "function";
  } catch {
    return false;
  }
};

const ignore = (): void => {};

/** Makes sure that a promise which nobody awaits never becomes an unhandled rejection; `onRejected` gets its reason. */
export const catchRejection = (value: unknown, onRejected: (reason: unknown) => void = ignore): void => {
  if (!isThenable(value)) return;
  new Promise((resolve) => resolve(value)).then(ignore, onRejected);
};

/** A returned value, for the end of the sentence "It returned …". */
export const returnedText = (value: unknown): string => {
  try {
    if (value === undefined) return "nothing";
    if (typeof value === "string") return cut(JSON.stringify(value));
    if (typeof value === "function") return "a function";
    if (isThenable(value)) return "a promise";
    if (Array.isArray(value)) return "an array";
    if (typeof value === "object" && value !== null) return "an object";
    return cut(value === null ? "null" : (value as number | bigint | boolean | symbol).toString());
  } catch {
    return "a value that cannot be read";
  }
};

/** What was thrown, as `TypeError: it is broken`. */
export const thrownText = (thrown: unknown): string => {
  try {
    if (thrown instanceof Error) {
      const { name, message } = thrown;
      return cut(`${name}${message === "" ? "" : `: ${message}`}`);
    }
    return typeof thrown === "string" ? cut(thrown) : returnedText(thrown);
  } catch {
    return "an error that cannot be read";
  }
};

/** The whole message of what was thrown. */
export const messageText = (thrown: unknown): string => {
  try {
    if (thrown instanceof Error && typeof thrown.message === "string" && thrown.message !== "") return thrown.message;
  } catch {
    return "an error that cannot be read";
  }
  return thrownText(thrown);
};
