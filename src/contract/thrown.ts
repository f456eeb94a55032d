/**
 * Reads thrown values safely. They can be anything: a value that is not an error, an error whose getters throw, a
 * revoked proxy, an error that contains itself. All code that describes, logs or sends thrown values reads them here,
 * so it cannot fail a second time. Nothing in this file throws, and all results are plain text of bounded size.
 */

import { FlameError } from "./errors.ts";

/** A description of a thrown value. Plain data: it can be encoded and cloned. */
export interface ThrownError {
  /** The error's name, or the type of a value that is not an error. */
  readonly name: string;
  readonly message: string;
  /** Its `code`, such as `ECONNREFUSED`. */
  readonly code?: string | undefined;
  readonly stack?: string | undefined;
  /** Its `cause`. */
  readonly cause?: ThrownError | undefined;
  /** The errors of an `AggregateError`. */
  readonly errors?: ReadonlyArray<ThrownError> | undefined;
}

/** Maximum nesting depth of errors. Readers of the wire enforce the same limit. */
export const maxThrownDepth = 8;

/** Maximum number of errors in total. */
export const maxThrownErrors = 16;

const limits = { name: 256, message: 8_192, stack: 16_384, innerMessage: 2_048, innerStack: 4_096 } as const;

/** Truncates a long text and marks it. */
export const cutText = (text: string, limit: number): string =>
  text.length > limit ? `${text.slice(0, limit)}…` : text;

/** `value instanceof type`; `false` if the check throws. */
export const isInstance = <Type>(value: unknown, type: abstract new (...args: never) => Type): value is Type => {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
};

/** Returns a field of any value; `undefined` if it is absent or reading it throws. */
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
  if (isError) return "The thrown value cannot be read.";
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

/** Whether it is an error or the description of one. */
const looksLikeError = (value: unknown): boolean =>
  isInstance(value, Error) ||
  (typeof readField(value, "name") === "string" && typeof readField(value, "message") === "string");

/** Returns the inner errors of an `AggregateError` or `SuppressedError`. */
const containedIn = (thrown: unknown, name: string): ReadonlyArray<unknown> => {
  const items = itemsOf(readField(thrown, "errors"));
  if (isInstance(thrown, AggregateError)) return items;
  const two = name === "SuppressedError" ? [readField(thrown, "error"), readField(thrown, "suppressed")] : [];
  return [...two, ...items.filter(looksLikeError)];
};

/** Returns the cause of an error; for a failed call without one, the handler's failure. */
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

  /** Returns nested errors, each once and up to the limit. */
  #inner(thrown: unknown, depth: number): ThrownError | undefined {
    if (thrown === undefined || thrown === null) return undefined;
    if (this.#seen.has(thrown) || this.#count >= maxThrownErrors) return undefined;
    return this.read(thrown, depth + 1);
  }
}

/**
 * Describes a thrown value with its causes and the errors of an `AggregateError`: at most {@link maxThrownErrors}
 * errors, {@link maxThrownDepth} deep. Never throws.
 */
export const readThrown = (thrown: unknown): ThrownError => new Reader().read(thrown, 1);

/** Returns the message of a thrown value for a sentence. Never throws. */
export const messageOf = (thrown: unknown): string => {
  const isError = isInstance(thrown, Error);
  const message = messageText(thrown, isError);
  return cutText(message === "" ? nameText(thrown, isError) : message, limits.message);
};

/** Returns a value as text for a sentence. Never throws. */
export const valueText = (value: unknown): string => {
  try {
    return cutText(String(value), limits.name);
  } catch {
    return `a value of type ${typeof value}`;
  }
};
