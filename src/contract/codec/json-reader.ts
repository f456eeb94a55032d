/**
 * A JSON parser that can pause, for messages that would block the event loop for long. Within the limits of the wire
 * format, it accepts what `JSON.parse` accepts and returns the same value.
 */
import { isForbiddenKey, MAX_DEPTH, MAX_MEMBERS, MAX_NODES } from "./limits.ts";

interface Frame {
  readonly list: Array<unknown> | undefined;
  /** An object; a map for annotations, whose keys are paths and can be very many. */
  readonly record: Record<string, unknown> | Map<string, unknown>;
  key: string;
  members: number;
}

/** What the parser expects next. */
const expects = { value: 0, firstItem: 1, key: 2, firstKey: 3, after: 4, text: 5, end: 6 } as const;
type State = (typeof expects)[keyof typeof expects];

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;

const numberPattern = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Maximum digits of an integer parsed digit by digit; numbers of this length are exact. */
const exactDigits = 15;

/** Number of bytes between two pauses; longer strings are read in parts. */
const sliceBytes = 256 * 1024;

/** Recently read keys by hash, since rows of a table repeat their keys. */
const keyCacheSize = 512;

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** `+`, `-`, `.`, `E` or `e`. */
const isNumberSign = (byte: number | undefined): boolean =>
  byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45 || byte === 0x65;

/** Parses a JSON text in UTF-8. */
export class JsonReader {
  readonly #bytes: Buffer;
  readonly #keys: Array<{ readonly at: number; readonly text: string } | undefined> = Array(keyCacheSize);
  readonly #stack: Array<Frame> = [];
  #frame: Frame | undefined;
  #state: State = expects.value;
  #at = 0;
  #nodes = 0;
  /** The long string being read. */
  #long: { readonly isKey: boolean; readonly parts: Array<string> } | undefined;
  #result: unknown;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The parsed value, after {@link read} has returned `true`. */
  get value(): unknown {
    return this.#result;
  }

  /**
   * Continues by at most `steps` values and a few hundred kilobytes.
   *
   * @returns whether the text has been read completely
   * @throws {TypeError | RangeError} with the position of the problem but never with content
   */
  read(steps: number): boolean {
    const stopAt = this.#at + sliceBytes;
    for (let left = steps; left > 0 && this.#at < stopAt; left--) {
      if (this.#state === expects.end) {
        if (this.#byte() !== undefined) this.#malformed();
        return true;
      }
      this.#step();
    }
    return false;
  }

  #step(): void {
    switch (this.#state) {
      case expects.value:
        return this.#value();
      case expects.firstItem:
        return this.#byte() === 0x5d ? this.#closeFrame() : this.#value();
      case expects.firstKey:
        return this.#byte() === 0x7d ? this.#closeFrame() : this.#key();
      case expects.key:
        return this.#key();
      case expects.after:
        return this.#after();
      case expects.text:
        return this.#text();
      default:
    }
  }

  #malformed(): never {
    throw new TypeError(`the body is not JSON: byte ${this.#at} does not fit`);
  }

  /** Returns the next byte that is not whitespace; `undefined` at the end. */
  #byte(): number | undefined {
    const bytes = this.#bytes;
    let byte = bytes[this.#at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++this.#at];
    return byte;
  }

  #value(): void {
    const byte = this.#byte();
    switch (byte) {
      case 0x7b:
        return this.#openFrame(undefined, expects.firstKey);
      case 0x5b:
        return this.#openFrame([], expects.firstItem);
      case quote:
        return this.#stringValue();
      case 0x74:
        return this.#literal("true", true);
      case 0x66:
        return this.#literal("false", false);
      case 0x6e:
        return this.#literal("null", null);
      default:
        return this.#deliver(this.#number());
    }
  }

  /** Whether the current position is inside the envelope's `json`. Its annotations have their own shape and limits. */
  get #inJson(): boolean {
    return this.#stack.length > 0 && this.#stack[0]!.key === "json";
  }

  /** Whether the current position is inside the annotations. */
  get #inMeta(): boolean {
    return this.#stack.length > 1 && this.#stack[0]!.key === "meta";
  }

  #openFrame(list: Array<unknown> | undefined, state: State): void {
    this.#at++;
    if (this.#frame !== undefined) this.#stack.push(this.#frame);
    const limit = this.#inJson ? MAX_DEPTH : 3 * MAX_DEPTH;
    if (this.#stack.length > limit) throw new RangeError(`it is nested more than ${MAX_DEPTH} levels deep`);
    this.#frame = { list, record: this.#inMeta ? new Map() : {}, key: "", members: 0 };
    this.#state = state;
  }

  #closeFrame(): void {
    const { list, record } = this.#frame!;
    this.#at++;
    this.#frame = this.#stack.pop();
    this.#deliver(list ?? record);
  }

  #deliver(value: unknown): void {
    const frame = this.#frame;
    if (frame === undefined) {
      this.#result = value;
      this.#state = expects.end;
      return;
    }
    if (++this.#nodes > MAX_NODES + 1) throw new RangeError(`it holds more than ${MAX_NODES} values`);
    const { list, record } = frame;
    if (list !== undefined) list.push(value);
    else if (record instanceof Map) record.set(frame.key, value);
    else record[frame.key] = value;
    this.#state = expects.after;
  }

  #after(): void {
    const byte = this.#byte();
    const isList = this.#frame!.list !== undefined;
    if (byte === comma) {
      this.#at++;
      this.#state = isList ? expects.value : expects.key;
    } else if (byte === (isList ? 0x5d : 0x7d)) {
      this.#closeFrame();
    } else {
      this.#malformed();
    }
  }

  #key(): void {
    if (this.#byte() !== quote) this.#malformed();
    const key = this.#string(true);
    if (key !== undefined) this.#deliverKey(key);
  }

  #deliverKey(key: string): void {
    const frame = this.#frame!;
    if (isForbiddenKey(key) && (key === "__proto__" || this.#inJson || this.#stack.length === 0)) {
      const where = this.#stack.length > 0 && this.#stack[0]!.key === "meta" ? "its annotations name" : "it has a key";
      throw new TypeError(`${where} ${key}, which is not allowed because it could change prototypes`);
    }
    if (++frame.members > MAX_MEMBERS) {
      throw new RangeError(`it has an object of more than ${MAX_MEMBERS} keys`);
    }
    frame.key = key;
    if (this.#byte() !== colon) this.#malformed();
    this.#at++;
    this.#state = expects.value;
  }

  /** Returns the string that starts at the current quote; `undefined` for a long one, which the next steps read. */
  #string(isKey: boolean): string | undefined {
    const bytes = this.#bytes;
    const start = ++this.#at;
    const stop = start + sliceBytes;
    let at = start;
    let seen = 0;
    let hash = 0;
    let escaped = false;
    for (let byte = bytes[at]; byte !== quote; byte = bytes[++at]) {
      if (byte === undefined || byte < 0x20) {
        this.#at = at;
        this.#malformed();
      }
      if (at >= stop) {
        this.#long = { isKey, parts: [] };
        this.#state = expects.text;
        return undefined;
      }
      seen |= byte;
      hash = (Math.imul(hash, 31) + byte) | 0;
      if (byte === backslash) {
        escaped = true;
        at++;
      }
    }
    this.#at = at + 1;
    if (escaped) return this.#unescape(start, at);
    if (!isKey) return bytes.toString(seen < 0x80 ? "latin1" : "utf8", start, at);
    const place = (hash >>> 0) % keyCacheSize;
    const cached = this.#keys[place];
    if (cached !== undefined && this.#equals(cached.at, start, at - start)) return cached.text;
    const text = bytes.toString(seen < 0x80 ? "latin1" : "utf8", start, at);
    this.#keys[place] = { at: start, text };
    return text;
  }

  #stringValue(): void {
    const text = this.#string(false);
    if (text !== undefined) this.#deliver(text);
  }

  /** Reads the next slice of a long string. */
  #text(): void {
    const bytes = this.#bytes;
    const { isKey, parts } = this.#long!;
    const start = this.#at;
    const stop = start + sliceBytes;
    let at = start;
    let escaped = false;
    let byte = bytes[at];
    for (; byte !== quote && (at < stop || (byte! & 0xc0) === 0x80); byte = bytes[++at]) {
      if (byte === undefined || byte < 0x20) {
        this.#at = at;
        this.#malformed();
      }
      if (byte !== backslash) continue;
      escaped = true;
      at += bytes[at + 1] === 0x75 ? 5 : 1;
    }
    parts.push(escaped ? this.#unescape(start, at) : bytes.toString("utf8", start, at));
    this.#at = at;
    if (byte !== quote) return;
    this.#at++;
    this.#long = undefined;
    const text = parts.join("");
    if (isKey) this.#deliverKey(text);
    else this.#deliver(text);
  }

  /** Whether a recently read key matches, including its end. */
  #equals(before: number, now: number, length: number): boolean {
    const bytes = this.#bytes;
    for (let offset = 0; offset <= length; offset++) {
      if (bytes[before + offset] !== bytes[now + offset]) return false;
    }
    return true;
  }

  /** Returns the text between two positions, resolving escapes. */
  #unescape(from: number, to: number): string {
    try {
      return JSON.parse(`"${this.#bytes.toString("utf8", from, to)}"`) as string;
    } catch {
      this.#at = from;
      return this.#malformed();
    }
  }

  #number(): number {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    let value = 0;
    while (isDigit(bytes[at])) value = value * 10 + bytes[at++]! - 0x30;
    const digits = at - start;
    const next = bytes[at];
    const whole = next !== 0x2e && next !== 0x65 && next !== 0x45;
    if (whole && digits > 0 && digits <= exactDigits && (digits === 1 || bytes[start] !== 0x30)) {
      this.#at = at;
      return value;
    }
    while (isDigit(bytes[at]) || isNumberSign(bytes[at])) at++;
    const text = bytes.toString("latin1", start, at);
    if (!numberPattern.test(text)) this.#malformed();
    this.#at = at;
    return Number(text);
  }

  #literal(text: string, value: boolean | null): void {
    const bytes = this.#bytes;
    for (let offset = 0; offset < text.length; offset++) {
      if (bytes[this.#at + offset] !== text.charCodeAt(offset)) this.#malformed();
    }
    this.#at += text.length;
    this.#deliver(value);
  }
}
