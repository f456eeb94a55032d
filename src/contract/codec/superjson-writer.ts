/**
 * Writes superjson's format in one walk. superjson itself makes a copy of each container, and a path and several
 * closures for each value. This writer copies only containers in which something changes, makes paths only of annotated
 * values, and leaves the text to `JSON.stringify`.
 *
 * The text is the one that superjson would write, except that equal bigints and NaNs are not listed as shared.
 */
import { customType, errorData, hasErrorData, toBase64, typedArrayName, typedArrays } from "./custom-types.ts";
import { isoText } from "./iso-date.ts";
import {
  isForbiddenKey,
  MAX_ANNOTATIONS,
  MAX_BIGINT_DIGITS,
  MAX_DEPTH,
  MAX_MEMBERS,
  MAX_NODES,
  MAX_URL_LENGTH,
} from "./limits.ts";

/** A place at which a shared object occurs. */
interface Place {
  readonly depth: number;
  readonly path: string;
}

const bigintLimit = 10n ** BigInt(MAX_BIGINT_DIGITS);

/** Thrown for a value that this writer does not write. */
const notWritten = new TypeError("the value needs another writer");

/** Whether JSON represents a primitive value completely. */
const isPlain = (value: unknown): boolean => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !(value === 0 && 1 / value < 0);
    default:
      return value === null;
  }
};

const giveUp = (): never => {
  throw notWritten;
};

const escapeKey = (key: string | number): string =>
  typeof key === "number" ? String(key) : key.replaceAll("\\", "\\\\").replaceAll(".", "\\.");

/** A key that is the same in a path and in JSON. */
const simpleKey = /^[\w$ -]*$/;

/** Returns a key as it is in a path in JSON. */
const quoteKey = (key: string | number): string =>
  typeof key === "number" || simpleKey.test(key) ? String(key) : JSON.stringify(escapeKey(key)).slice(1, -1);

/** Whether objects order the key before keys that are not indexes. */
const isIndex = (key: string): boolean => {
  if (!(key.charCodeAt(0) <= 0x39)) return false;
  const index = Number(key) >>> 0;
  return index !== 4_294_967_295 && String(index) === key;
};

/** Whether objects and arrays have only what the language gives them. */
const isPristine = (): boolean => {
  for (const _key in Object.prototype) return false;
  return !("toJSON" in Array.prototype);
};

class Writer {
  readonly #seen = new Set<object>();
  /** The places of each object; only if objects may be shared. */
  readonly #places: Map<object, Array<Place>> | undefined;
  /** Whether the current position is inside a shared object at a place that is not its first one. */
  #isRepeat = false;
  /** The keys from the root to the current container. */
  readonly #keys: Array<string | number> = [];
  /** The path of each container from the root to the current one, with a final dot: valid up to `#known`. */
  readonly #prefixes: Array<string> = [];
  #known = 0;
  /** The depth of the innermost annotated container: paths start there. */
  #base = 0;
  /** The annotations of values in that container, each after a comma. */
  #notes = "";
  /** The annotation of the value just written; `""` if it needs none. */
  #type = "";
  #nodes = 0;
  #annotations = 0;

  constructor(places: Map<object, Array<Place>> | undefined) {
    this.#places = places;
  }

  write(value: unknown): string {
    const json = JSON.stringify(this.#write(value, 0));
    if (this.#nodes > MAX_NODES) giveUp();
    const values =
      this.#type !== "" ? `"values":[${this.#type}]` : this.#notes === "" ? "" : `"values":{${this.#notes.slice(1)}}`;
    const equalities = this.#equalities();
    if (values === "" && equalities === "") return `{"json":${json}}`;
    const separator = values === "" || equalities === "" ? "" : ",";
    return `{"json":${json},"meta":{${values}${separator}${equalities},"v":1}}`;
  }

  #equalities(): string {
    if (this.#places === undefined) return "";
    const equalities: Record<string, ReadonlyArray<string>> = {};
    let isEmpty = true;
    for (const places of this.#places.values()) {
      if (places.length === 1) continue;
      const [first, ...others] = places.toSorted((a, b) => a.depth - b.depth).map(({ path }) => path);
      equalities[first!] = others;
      isEmpty = false;
    }
    return isEmpty ? "" : `"referentialEqualities":${JSON.stringify(equalities)}`;
  }

  /** Sets the annotation of the value being written, and returns its JSON. */
  #annotate<A>(type: string, json: A): A {
    if (++this.#annotations > MAX_ANNOTATIONS) giveUp();
    this.#type = type;
    return json;
  }

  /** Returns the path of the current container at a depth, with a final dot. */
  #prefix(depth: number): string {
    if (depth === this.#base) return "";
    if (depth <= this.#known) return this.#prefixes[depth]!;
    const prefix = `${this.#prefix(depth - 1)}${quoteKey(this.#keys[depth - 1]!)}.`;
    this.#prefixes[depth] = prefix;
    this.#known = depth;
    return prefix;
  }

  /** Returns the annotation of the value just written, a member of the current container. */
  #note(key: string | number, depth: number): string {
    const note = `,"${this.#prefix(depth)}${quoteKey(key)}":[${this.#type}]`;
    this.#type = "";
    return note;
  }

  /** Goes into a member of the current container. */
  #enter(key: string | number, depth: number): void {
    this.#keys[depth] = key;
    if (this.#known > depth) this.#known = depth;
  }

  /** Returns what `JSON.stringify` should get instead of a value: the value itself if JSON represents it. */
  #write(value: unknown, depth: number): unknown {
    this.#nodes++;
    if (isPlain(value)) return value;
    switch (typeof value) {
      case "number":
        return this.#annotate('"number"', value === 0 ? "-0" : String(value));
      case "undefined":
        return this.#annotate('"undefined"', null);
      case "bigint":
        if (value >= bigintLimit || value <= -bigintLimit) giveUp();
        this.#annotations++;
        return this.#annotate('"bigint"', value.toString());
      case "object":
        return this.#object(value!, depth);
      default:
        return giveUp();
    }
  }

  #object(value: object, depth: number): unknown {
    if (depth >= MAX_DEPTH || this.#nodes > MAX_NODES) giveUp();
    if (this.#places !== undefined) return this.#sharedObject(this.#places, value, depth);
    if (this.#seen.has(value)) giveUp();
    this.#seen.add(value);
    return this.#members(value, depth);
  }

  #sharedObject(all: Map<object, Array<Place>>, value: object, depth: number): unknown {
    if (this.#isRepeat) return this.#members(value, depth);
    const place = { depth, path: this.#keys.slice(0, depth).map(escapeKey).join(".") };
    const places = all.get(value);
    if (places === undefined) {
      all.set(value, [place]);
      return this.#members(value, depth);
    }
    places.push(place);
    this.#isRepeat = true;
    const json = this.#members(value, depth);
    this.#isRepeat = false;
    return json;
  }

  #members(value: object, depth: number): unknown {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Array.prototype && Array.isArray(value)) return this.#list(value, depth, undefined);
    if (prototype === Object.prototype || prototype === null) {
      return this.#record(value as Record<string, unknown>, depth, undefined);
    }
    if (prototype === Date.prototype) {
      return Number.isNaN((value as Date).getTime()) ? giveUp() : this.#annotate('"Date"', isoText(value as Date));
    }
    if (prototype === Map.prototype) return this.#map(value as Map<unknown, unknown>, depth);
    if (prototype === Set.prototype) {
      if ((value as Set<unknown>).size > MAX_MEMBERS) giveUp();
      const items = [...(value as Set<unknown>)];
      return this.#typed('"set"', depth, () => this.#list(items, depth, items));
    }
    if (prototype === URL.prototype) {
      const { href } = value as URL;
      return href.length > MAX_URL_LENGTH ? giveUp() : this.#annotate('"URL"', href);
    }
    if (value instanceof Error) return this.#error(value, depth);
    const name = typedArrayName(value);
    if (name === "Uint8Array") return this.#annotate(`["custom","${customType.bytes}"]`, toBase64(value as Uint8Array));
    if (prototype !== ArrayBuffer.prototype && (name === undefined || !typedArrays.has(name))) giveUp();
    this.#nodes += 2;
    const binary = value as ArrayBuffer | ArrayBufferView;
    const json = { type: name ?? "ArrayBuffer", base64: toBase64(binary) };
    return this.#annotate(`["custom","${customType.binary}"]`, json);
  }

  /** Writes the members of an array into `written`, or into a copy if that is `undefined` and a member changes. */
  #list(value: ReadonlyArray<unknown>, depth: number, written: Array<unknown> | undefined): unknown {
    const before = this.#notes;
    if (before !== "") this.#notes = "";
    let copy = written ?? ("toJSON" in value ? value.slice() : undefined);
    // The annotations of members, which superjson writes before those of values inside of members.
    let own = "";
    for (let index = 0; index < value.length; index++) {
      const item = value[index];
      if (isPlain(item)) {
        this.#nodes++;
        continue;
      }
      if (typeof item === "object") this.#enter(index, depth);
      else if (item === undefined && !(index in value)) giveUp();
      const json = this.#write(item, depth + 1);
      if (this.#type !== "") own += this.#note(index, depth);
      if (json !== item) (copy ??= value.slice())[index] = json;
    }
    if (before !== "" || own !== "") this.#notes = before + own + this.#notes;
    return copy ?? value;
  }

  /** Writes the members of an object, likewise. */
  #record(
    value: Readonly<Record<string, unknown>>,
    depth: number,
    written: Record<string, unknown> | undefined,
  ): unknown {
    const before = this.#notes;
    if (before !== "") this.#notes = "";
    let copy = written ?? ("toJSON" in value ? { ...value } : undefined);
    let own = "";
    let members = 0;
    for (const key in value) {
      if (++members > MAX_MEMBERS || isForbiddenKey(key)) giveUp();
      const item = value[key];
      if (isPlain(item)) {
        this.#nodes++;
        continue;
      }
      if (typeof item === "object") this.#enter(key, depth);
      const json = this.#write(item, depth + 1);
      if (this.#type !== "") {
        if (isIndex(key)) own += this.#note(key, depth);
        else this.#notes += this.#note(key, depth);
      }
      if (json !== item) (copy ??= { ...value })[key] = json;
    }
    if (before !== "" || own !== "") this.#notes = before + own + this.#notes;
    return copy ?? value;
  }

  /** Writes a container with an annotation of its own, which includes those of its members. */
  #typed<A>(type: string, depth: number, members: () => A): A {
    const base = this.#base;
    const known = this.#known;
    const notes = this.#notes;
    this.#base = depth;
    this.#known = depth;
    this.#notes = "";
    const json = members();
    const inner = this.#notes;
    this.#base = base;
    this.#known = known;
    this.#notes = notes;
    return this.#annotate(inner === "" ? type : `${type},{${inner.slice(1)}}`, json);
  }

  #map(map: Map<unknown, unknown>, depth: number): unknown {
    if (map.size > MAX_MEMBERS || depth + 2 > MAX_DEPTH) giveUp();
    const entries: Array<Array<unknown>> = [...map];
    return this.#typed('"map"', depth, () => {
      for (let row = 0; row < entries.length; row++) {
        this.#nodes++;
        this.#enter(row, depth);
        this.#list(entries[row]!, depth + 1, entries[row]);
      }
      return entries;
    });
  }

  #error(error: Error, depth: number): unknown {
    const { name, message } = error;
    if (typeof name !== "string" || typeof message !== "string" || depth + 1 >= MAX_DEPTH) giveUp();
    this.#nodes += 3;
    const json: Record<string, unknown> = { name, message };
    if ("cause" in error) json["cause"] = error.cause;
    if (!hasErrorData(error)) return this.#typed('"Error"', depth, () => this.#record(json, depth, json));
    json["data"] = errorData(error);
    return this.#typed(`["custom","${customType.error}"]`, depth, () => this.#record(json, depth, json));
  }
}

const writeWith = (value: unknown, places: Map<object, Array<Place>> | undefined): string | undefined => {
  if (!isPristine()) return undefined;
  try {
    return new Writer(places).write(value);
  } catch (error) {
    if (error === notWritten) return undefined;
    throw error;
  }
};

/**
 * Returns the text of a value in which no object occurs twice. Returns `undefined` for other values, for values that
 * cannot be sent, and if the prototype of objects or arrays has been extended.
 */
export const writeSuperJson = (value: unknown): string | undefined => writeWith(value, undefined);

/** Returns the text of a value that can be sent, whose objects may occur several times; `undefined` likewise. */
export const writeShared = (value: unknown): string | undefined => writeWith(value, new Map());
