/**
 * Reads the messages that senders normally write, in one pass over their annotations: no two places share an object,
 * and no annotated path has escapes. Everything else, such as hostile input, is left to `superjson-reader.ts`, which
 * gives the same value or says what is wrong.
 */
import { MAX_ANNOTATIONS, requireSafeJson } from "./limits.ts";
import { parseJson } from "./parse-json.ts";
import { makeValue } from "./superjson-values.ts";

const start = '{"json":';
const metaStart = ',"meta":{"values":';
const metaEnd = ',"v":1}}';

const quote = 0x22;
const comma = 0x2c;
const dot = 0x2e;
const zero = 0x30;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Longest array index, in digits. */
const maxDigits = 7;

/** Thrown for a message that this reader does not read. */
const notRead = new TypeError("the message needs another reader");

const giveUp = (): never => {
  throw notRead;
};

type Container = Record<string | number, unknown>;

class AnnotationReader {
  readonly #text: string;
  #at: number;
  #left = MAX_ANNOTATIONS;
  #lastName = "";

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  /** Reads the annotations of a whole message and returns its value. The text must end where they end. */
  read(json: unknown): unknown {
    const value = this.#text.charCodeAt(this.#at) === openBracket ? this.#annotated(json) : this.#members(json);
    return this.#at === this.#text.length - metaEnd.length ? value : giveUp();
  }

  /** Reads `[type]` or `[type,{…}]` and returns the value. */
  #annotated(json: unknown): unknown {
    if (--this.#left < 0) giveUp();
    this.#at++;
    const type = this.#type();
    if (this.#text.charCodeAt(this.#at) === comma) {
      this.#at++;
      this.#members(json);
    } else if (typeof json === "object" && json !== null) {
      this.#container(json);
    }
    this.#expect(closeBracket);
    return makeValue(type, json);
  }

  #type(): unknown {
    const text = this.#text;
    if (text.charCodeAt(this.#at) === quote) return this.#word();
    this.#expect(openBracket);
    const first = this.#word();
    this.#expect(comma);
    const second = this.#word();
    this.#expect(closeBracket);
    return [first, second];
  }

  /** Reads the name of a type. */
  #word(): string {
    this.#expect(quote);
    const from = this.#at;
    const to = this.#text.indexOf('"', from);
    if (to < 0) giveUp();
    this.#at = to + 1;
    return this.#text.slice(from, to);
  }

  #expect(code: number): void {
    if (this.#text.charCodeAt(this.#at++) !== code) giveUp();
  }

  /** Returns a container as JSON has it; one that has become a value is not read any further. */
  #container(json: unknown): Container {
    if (typeof json !== "object" || json === null) return giveUp();
    const prototype: unknown = Object.getPrototypeOf(json);
    return prototype === Object.prototype || prototype === Array.prototype ? (json as Container) : giveUp();
  }

  /** Reads `{"path":[…],…}`, replaces the annotated values inside of a container, and returns it. */
  #members(json: unknown): unknown {
    const text = this.#text;
    const root = this.#container(json);
    this.#expect(openBrace);
    for (;;) {
      this.#expect(quote);
      let container = root;
      let key = this.#key(container);
      while (text.charCodeAt(this.#at) === dot) {
        this.#at++;
        container = this.#container(container[key]);
        key = this.#key(container);
      }
      this.#at++;
      this.#expect(colon);
      if (text.charCodeAt(this.#at) !== openBracket) giveUp();
      container[key] = this.#annotated(container[key]);
      const next = text.charCodeAt(this.#at++);
      if (next === closeBrace) return json;
      if (next !== comma) giveUp();
    }
  }

  /** Reads a segment of a path, which must be a member of the container. */
  #key(container: Container): string | number {
    return Array.isArray(container) ? this.#index(container) : this.#name(container);
  }

  #index(container: ReadonlyArray<unknown>): number {
    const text = this.#text;
    const from = this.#at;
    let at = from;
    let index = 0;
    let code = text.charCodeAt(at);
    while (code >= zero && code < zero + 10) {
      index = index * 10 + code - zero;
      code = text.charCodeAt(++at);
    }
    const digits = at - from;
    this.#at = at;
    const isCanonical = digits === 1 || (digits > 1 && digits <= maxDigits && text.charCodeAt(from) !== zero);
    return isCanonical && index < container.length && (code === dot || code === quote) ? index : giveUp();
  }

  #name(container: Container): string {
    const text = this.#text;
    const from = this.#at;
    const last = this.#lastName;
    const { length } = last;
    let at = from;
    // Rows of a table have the same names, and a name that was used before is found faster than a new string.
    while (at - from < length && text.charCodeAt(at) === last.charCodeAt(at - from)) at++;
    let code = text.charCodeAt(at);
    let name = last;
    if (at - from < length || (code !== dot && code !== quote)) {
      while (code !== dot && code !== quote) {
        if (code === backslash || !(code >= 0x20)) giveUp();
        code = text.charCodeAt(++at);
      }
      name = text.slice(from, at);
      this.#lastName = name;
    }
    this.#at = at;
    return Object.hasOwn(container, name) ? name : giveUp();
  }
}

/**
 * Returns the value of a message; `undefined` if this reader does not read it.
 */
export const readInOnePass = (text: string): { readonly value: unknown } | undefined => {
  if (!text.startsWith(start)) return undefined;
  const mayHaveMeta = text.endsWith(metaEnd);
  const metaAt = mayHaveMeta ? text.lastIndexOf(metaStart) : -1;
  // Not worth the attempt: these are parsed again.
  if (mayHaveMeta && (metaAt < 0 || text.includes('"referentialEqualities"', metaAt))) return undefined;
  try {
    const json = parseJson(text.slice(start.length, metaAt < 0 ? -1 : metaAt));
    if (metaAt < 0 && !text.endsWith("}")) return undefined;
    requireSafeJson(json);
    return { value: metaAt < 0 ? json : new AnnotationReader(text, metaAt + metaStart.length).read(json) };
  } catch {
    return undefined;
  }
};
