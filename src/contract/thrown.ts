/**
 * Reads what was thrown. That can be anything: a value that is not an error, an error whose fields throw when they are read, a
 * revoked proxy, an error that contains itself. All code that describes, logs or sends what others threw reads it here, so that it
 * cannot fail a second time. Nothing in this file throws, and everything that it gives is plain text of bounded size.
 */

import { FlameError } from "./errors.ts";

/** What can be said of a thrown value. Plain data: it can be encoded and cloned. */
export interface ThrownError {
  /** The error's name, or the type of a value that is not an error. */
  readonly name: string;
  readonly message: string;
  /** Its `code`, such as `ECONNREFUSED`. */
  readonly code?: string | undefined;
  readonly stack?: string | undefined;
  /** Its `cause`. */
  readonly cause?: ThrownError | undefined;
  /** What an `AggregateError` holds. */
  readonly errors?: ReadonlyArray<ThrownError> | undefined;
}

/** Errors in one another, at most. Readers of the wire keep to the same limit. */
export const maxThrownDepth = 8;

/** Errors in all, at most. */
export const maxThrownErrors = 16;

const limits = { name: 256, message: 8_192, stack: 16_384, innerMessage: 2_048, innerStack: 4_096 } as const;

/** Cuts a text that is too long, and says so. */
export const cutText = (text: string, limit: number): string =>
  text.length > limit ? `${text.slice(0, limit)}…` : text;

/** `value instanceof type`, and `false` where looking throws. */
export const isInstance = <Type>(value: unknown, type: abstract new (...args: never) => Type): value is Type => {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
};

/** A field of whatever value; `undefined` where there is none or reading it throws. */
export const readField = (value: unknown, field: string): unknown => {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  try {
    return Reflect.get(value, field) as unknown;
  } catch {
    return undefined;
  }
};

const textOf = (value: unknown): string | undefined =>
  typeof value === "string"
    ? value
    : typeof value === "number" || typeof value === "bigint"
      ? String(value)
      : undefined;

const messageText = (thrown: unknown, isError: boolean): string => {
  const message = readField(thrown, "message");
  if (typeof message === "string" && (isError || message !== "")) return message;
  if (typeof thrown === "string") return thrown;
  if (isError) return "What was thrown cannot be read.";
  return `A value of type ${thrown === null ? "null" : typeof thrown} was thrown.`;
};

const nameText = (thrown: unknown, isError: boolean): string => {
  const name = typeof thrown === "object" ? readField(thrown, "name") : undefined;
  if (typeof name === "string" && name !== "") return name;
  return isError ? "Error" : thrown === null ? "null" : typeof thrown;
};

const itemsOf = (list: unknown): ReadonlyArray<unknown> => {
  try {
    return Array.isArray(list) ? (list.slice(0, maxThrownErrors) as ReadonlyArray<unknown>) : [];
  } catch {
    return [];
  }
};

/** Whether it is an error, or what was read of one. */
const looksLikeError = (value: unknown): boolean =>
  isInstance(value, Error) ||
  (typeof readField(value, "name") === "string" && typeof readField(value, "message") === "string");

/** The errors that an error stands for: those of an `AggregateError`, the two of a `SuppressedError`. */
const containedIn = (thrown: unknown, name: string): ReadonlyArray<unknown> => {
  const items = itemsOf(readField(thrown, "errors"));
  if (isInstance(thrown, AggregateError)) return items;
  const two = name === "SuppressedError" ? [readField(thrown, "error"), readField(thrown, "suppressed")] : [];
  return [...two, ...items.filter(looksLikeError)];
};

/** The cause of an error; of a failed call without one, what its handler said. */
const causeOf = (thrown: unknown): unknown =>
  readField(thrown, "cause") ?? (isInstance(thrown, FlameError) ? readField(thrown, "remote") : undefined);

class Reader {
  readonly #seen = new Set<unknown>();
  #count = 0;

  read(thrown: unknown, depth: number): ThrownError {
    this.#count++;
    if (typeof thrown === "object") this.#seen.add(thrown);
    const isError = isInstance(thrown, Error);
    const name = cutText(nameText(thrown, isError), limits.name);
    const message = messageText(thrown, isError);
    const code = typeof thrown === "object" ? textOf(readField(thrown, "code")) : undefined;
    const stack = typeof thrown === "object" ? readField(thrown, "stack") : undefined;
    const cause = depth < maxThrownDepth ? this.#inner(causeOf(thrown), depth) : undefined;
    const errors =
      depth < maxThrownDepth ? containedIn(thrown, name).flatMap((error) => this.#inner(error, depth) ?? []) : [];
    return {
      name,
      message: cutText(message, depth === 1 ? limits.message : limits.innerMessage),
      ...(code === undefined ? undefined : { code: cutText(code, limits.name) }),
      ...(typeof stack === "string" && stack !== ""
        ? { stack: cutText(stack, depth === 1 ? limits.stack : limits.innerStack) }
        : undefined),
      ...(cause === undefined ? undefined : { cause }),
      ...(errors.length === 0 ? undefined : { errors }),
    };
  }

  /** What is inside another one: each once, and only so many. */
  #inner(thrown: unknown, depth: number): ThrownError | undefined {
    if (thrown === undefined || thrown === null) return undefined;
    if (this.#seen.has(thrown) || this.#count >= maxThrownErrors) return undefined;
    return this.read(thrown, depth + 1);
  }
}

/**
 * What can be said of a thrown value, with its causes and the errors of an `AggregateError`: at most {@link maxThrownErrors} errors,
 * {@link maxThrownDepth} deep. Never throws.
 */
export const readThrown = (thrown: unknown): ThrownError => new Reader().read(thrown, 1);

/** The message of a thrown value, for a sentence. Never throws. */
export const messageOf = (thrown: unknown): string => {
  const isError = isInstance(thrown, Error);
  const message = messageText(thrown, isError);
  return cutText(message === "" ? nameText(thrown, isError) : message, limits.message);
};

/** A value as text, for a sentence that names it. Never throws. */
export const valueText = (value: unknown): string => {
  try {
    return cutText(String(value), limits.name);
  } catch {
    return `a value of type ${typeof value}`;
  }
};
