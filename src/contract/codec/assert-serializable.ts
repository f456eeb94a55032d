/**
 * Rejects values that would not arrive as they were sent. Finds the first value that the wire cannot carry, and reports
 * where it is and what to do.
 */
import {
  isForbiddenKey,
  MAX_ANNOTATIONS,
  MAX_BIGINT_DIGITS,
  MAX_DEPTH,
  MAX_MEMBERS,
  MAX_NODES,
  MAX_URL_LENGTH,
} from "./limits.ts";
import { errorData, typedArrayName, typedArrays } from "./custom-types.ts";
import { InvokeError } from "../errors.ts";

/** A step into a value: an index, the position of an object's key, or a position in a Map or Set. */
type Segment =
  | number
  | { readonly position: number; readonly key: string }
  | { readonly label: string; readonly key?: unknown };

const bigintLimit = 10n ** BigInt(MAX_BIGINT_DIGITS);

const advice: Readonly<Record<string, string>> = {
  Promise: "Await it first.",
  RegExp: "An untrusted pattern can stall its receiver. Send its source and flags as strings.",
  WeakMap: "Send a Map.",
  WeakSet: "Send a Set.",
  WeakRef: "Send what it refers to.",
  DataView: "Send a Uint8Array.",
  SharedArrayBuffer: "Send a copy: new Uint8Array(shared).slice().",
  Blob: "Send its bytes: new Uint8Array(await blob.arrayBuffer()).",
  File: "Send its bytes: new Uint8Array(await file.arrayBuffer()).",
  Response: "Read its body and send that.",
  Request: "Send its URL, headers and body.",
  Headers: "Send Object.fromEntries(headers).",
  FormData: "Send Object.fromEntries(formData).",
  URLSearchParams: "Send its string.",
  ReadableStream: "Read it completely and send the bytes.",
  AbortSignal: "Pass it as the call's signal option.",
  String: "Send the primitive string.",
  Number: "Send the primitive number.",
  Boolean: "Send the primitive boolean.",
  Object: "It comes from another realm, such as a vm context. Copy it with structuredClone first.",
  Array: "It comes from another realm, such as a vm context. Copy it with structuredClone first.",
};

const className = (value: object): string => {
  const type: unknown = value.constructor;
  return typeof type === "function" && type.name !== "" ? type.name : "class without a name";
};

/** Renders a segment by position only: key names are the user's data, and errors go into logs and spans. */
const renderPosition = (segment: Segment): string => {
  if (typeof segment === "number") return `[${segment}]`;
  return "position" in segment ? `.<key ${segment.position}>` : segment.label;
};

/** Renders a segment with key names, for the code that receives the error. */
const renderName = (segment: Segment): string => {
  if (typeof segment === "number") return `[${segment}]`;
  if ("label" in segment) {
    const { key } = segment;
    return typeof key === "string" || typeof key === "number"
      ? `.get(${JSON.stringify(key).slice(0, 64)})`
      : segment.label;
  }
  const { key } = segment;
  return /^[A-Za-z_$][\w$]{0,63}$/.test(key)
    ? `.${key}`
    : `[${JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key)}]`;
};

const refusals = new WeakSet<object>();

/** Whether this was thrown by {@link requireSendable} and not by a getter of the inspected value. */
export const isRefusal = (thrown: unknown): thrown is InvokeError =>
  typeof thrown === "object" && thrown !== null && refusals.has(thrown);

class Inspection {
  readonly #what: string;
  readonly #path: Array<Segment> = [];
  readonly #around = new Set<object>();
  readonly #seen = new Set<object>();
  #nodes = 0;
  #annotations = 0;

  constructor(what: string) {
    this.#what = what;
  }

  #refuse(problem: string, fix: string): never {
    const isWhole = this.#path.length === 0;
    const at = isWhole ? "the value itself" : this.#path.map(renderPosition).join("");
    const error = new InvokeError("serialization_error", `${this.#what}: ${at} ${problem}. ${fix}`, {
      phase: "encode",
      ...(isWhole ? {} : { details: { path: this.#path.map(renderName).join("") } }),
    });
    refusals.add(error);
    throw error;
  }

  #annotate(): void {
    if (++this.#annotations > MAX_ANNOTATIONS) {
      this.#refuse(
        `is one of more than ${MAX_ANNOTATIONS} values that plain JSON cannot represent`,
        "Send less at a time, or send dates as numbers.",
      );
    }
  }

  #within(segment: Segment, value: unknown, depth: number): void {
    this.#path.push(segment);
    this.visit(value, depth);
    this.#path.pop();
  }

  visit(value: unknown, depth: number): void {
    if (++this.#nodes > MAX_NODES) {
      this.#refuse(
        `is one of more than ${MAX_NODES} values`,
        "Send less at a time, or send numbers as a typed array, which counts as one.",
      );
    }
    switch (typeof value) {
      case "string":
      case "boolean":
        return;
      case "undefined":
        return this.#annotate();
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0) ? undefined : this.#annotate();
      case "bigint":
        if (value >= bigintLimit || value <= -bigintLimit) {
          this.#refuse(
            `is a bigint of more than ${MAX_BIGINT_DIGITS} digits, which cannot be sent`,
            "Send it as bytes or a hexadecimal string.",
          );
        }
        this.#annotate();
        return this.#annotate();
      case "function":
        return this.#refuse(
          "is a function, which cannot be sent",
          "Send only data, and define the function on the other side.",
        );
      case "symbol":
        return this.#refuse("is a symbol, which cannot be sent", "Send its description as a string.");
      case "object":
        if (value !== null) this.#visitObject(value, depth);
    }
  }

  #visitObject(value: object, depth: number): void {
    if (this.#around.has(value)) {
      this.#refuse(
        "refers back to an object that contains it, which cannot be sent",
        "Break the cycle: remove the reference, or send an id.",
      );
    }
    if (depth >= MAX_DEPTH) this.#refuse(`is nested more than ${MAX_DEPTH} levels deep`, "Send a flatter structure.");
    if (this.#seen.has(value)) this.#annotate();
    this.#seen.add(value);
    this.#around.add(value);
    this.#visitMembers(value, depth + 1);
    this.#around.delete(value);
  }

  #visitMembers(value: object, depth: number): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (Array.isArray(value) && prototype === Array.prototype) return this.#visitArray(value, depth);
    if (prototype === Object.prototype || prototype === null) return this.#visitRecord(value, depth);
    this.#annotate();
    if (prototype === Map.prototype) return this.#visitMap(value as Map<unknown, unknown>, depth + 1);
    if (prototype === Set.prototype) {
      this.#boundMembers((value as Set<unknown>).size, "a Set", "items");
      let row = 0;
      for (const item of value as Set<unknown>) this.#within({ label: `<item ${row++}>` }, item, depth);
      return;
    }
    if (prototype === Date.prototype) {
      return Number.isNaN((value as Date).getTime())
        ? this.#refuse("is an invalid Date, which cannot be sent", "Send null instead.")
        : undefined;
    }
    if (prototype === URL.prototype) {
      if ((value as URL).href.length > MAX_URL_LENGTH) {
        this.#refuse(
          `is a URL of more than ${MAX_URL_LENGTH} characters, which cannot be sent`,
          "Send it as a string.",
        );
      }
      return;
    }
    if (value instanceof Error) return this.#visitError(value, depth);
    const name = typedArrayName(value);
    if (name === "Uint8Array") return;
    if (prototype === ArrayBuffer.prototype || (name !== undefined && typedArrays.has(name))) {
      this.#nodes += 2;
      return;
    }
    const type = className(value);
    this.#refuse(
      `is an instance of ${type}, which cannot be sent`,
      (Object.hasOwn(advice, type) ? advice[type] : undefined) ??
        `Send plain data, such as { ...value }, and create the ${type} on the other side.`,
    );
  }

  #visitArray(value: ReadonlyArray<unknown>, depth: number): void {
    for (let index = 0; index < value.length; index++) {
      if (value[index] === undefined && !(index in value)) {
        this.#path.push(index);
        this.#refuse("is an empty array slot, which cannot be sent", "Put null or undefined there.");
      }
      this.#within(index, value[index], depth);
    }
  }

  #boundMembers(count: number, what: string, members: string): void {
    if (count <= MAX_MEMBERS) return;
    this.#refuse(`is ${what} of more than ${MAX_MEMBERS} ${members}`, "Send an array, or less at a time.");
  }

  #visitRecord(value: object, depth: number): void {
    const keys = Object.keys(value);
    this.#boundMembers(keys.length, "an object", "keys");
    let position = 0;
    for (const key of keys) {
      const segment = { position: position++, key };
      if (isForbiddenKey(key)) {
        this.#path.push(segment);
        this.#refuse(
          `has the key ${key}, which is not allowed because it could change prototypes`,
          "Use another key, or a Map.",
        );
      }
      this.#within(segment, (value as Record<string, unknown>)[key], depth);
    }
  }

  #visitMap(value: Map<unknown, unknown>, depth: number): void {
    if (depth > MAX_DEPTH) this.#refuse(`is nested more than ${MAX_DEPTH} levels deep`, "Send a flatter structure.");
    this.#boundMembers(value.size, "a Map", "entries");
    let row = 0;
    for (const [key, item] of value) {
      this.#nodes++;
      this.#within({ label: `<key ${row}>` }, key, depth);
      this.#within({ label: `<value ${row}>`, key }, item, depth);
      row++;
    }
  }

  #visitError(error: Error, depth: number): void {
    if (typeof error.name !== "string" || typeof error.message !== "string") {
      this.#refuse(
        "is an Error whose name or message is not a string, which cannot be sent",
        "Send its fields as a plain object.",
      );
    }
    this.#nodes += 3;
    if ("cause" in error) this.#within({ label: "<cause>" }, error.cause, depth);
    if (depth >= MAX_DEPTH) this.#refuse(`is nested more than ${MAX_DEPTH} levels deep`, "Send a flatter structure.");
    this.#visitRecord(errorData(error), depth + 1);
  }
}

/**
 * Checks that a value can be sent. `what` names it in the error. The error's message contains only positions;
 * `details.path` has the key names.
 *
 * @throws {InvokeError} `serialization_error`, such as `arguments of billing/charge: [0].<key 1>.<key 2> is a function,
 * which cannot be sent. Send only data, and define the function on the other side.`
 */
export const requireSendable = (value: unknown, what: string): void => new Inspection(what).visit(value, 0);
