import * as fc from "fast-check";
import { SuperJSON } from "superjson";
import { describe, expect, test } from "vitest";
import { makeCodec } from "../../../src/contract/codec/codec.ts";
import {
  MAX_ANNOTATIONS,
  MAX_DEPTH,
  MAX_MEMBERS,
  MAX_NODES,
  MAX_URL_LENGTH,
} from "../../../src/contract/codec/limits.ts";
import { InvokeError } from "../../../src/contract/errors.ts";
import { caught } from "./caught.ts";

const codec = makeCodec();
const what = "arguments of billing/charge";

const text = (value: unknown): string => Buffer.from(codec.encode(value, what)).toString("utf8");
const roundTrip = <A>(value: A): A => codec.decode(codec.encode(value, what), what) as A;
const nested = (depth: number, inner: unknown = "end"): unknown => {
  let value = inner;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
};

const refusal = (value: unknown): string => caught(() => codec.encode(value, what)).message;

describe("plain data", () => {
  const plain = fc.jsonValue({ maxDepth: 5 });

  test("is encoded to the same bytes as by superjson", () => {
    const superJson = new SuperJSON({ dedupe: false });
    fc.assert(
      fc.property(plain, (value) => {
        let expected: string;
        try {
          expected = superJson.stringify(value);
        } catch {
          expect(refusal(value)).toMatch(/could change prototypes/);
          return;
        }
        expect(text(value)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  test("may be nested 200 levels deep; encode and decode reject more", () => {
    expect(roundTrip(nested(MAX_DEPTH))).toEqual(nested(MAX_DEPTH));
    expect(roundTrip(nested(MAX_DEPTH, 1n))).toEqual(nested(MAX_DEPTH, 1n));
    expect(refusal(nested(MAX_DEPTH + 1))).toMatch(/is nested more than 200 levels deep\. Send a flatter structure\.$/);
    const tooDeep = Buffer.from(JSON.stringify({ json: nested(MAX_DEPTH + 1) }));
    expect(caught(() => codec.decode(tooDeep, what)).message).toMatch(/more than 200 levels deep/);
  });

  test("with a non-enumerable toJSON is encoded without calling it", () => {
    const value = Object.defineProperty({ a: 1 }, "toJSON", { value: () => ({ b: 2 }) });
    expect(roundTrip(value)).toEqual({ a: 1 });
  });
});

describe("values beyond JSON", () => {
  test("are decoded as they were encoded", () => {
    const value = {
      nothing: undefined,
      list: [undefined, null, NaN, Infinity, -Infinity, -0, 0],
      big: 2n ** 200n,
      negative: -1n,
      date: new Date("2026-11-22T11:39:00.123Z"),
      far: new Date(-8.64e15),
      url: new URL("https://example.com/a?b=c#d"),
      map: new Map<unknown, unknown>([
        ["a", 1],
        [{ key: true }, new Date(0)],
        [undefined, new Map([[1n, new Set([NaN])]])],
      ]),
      set: new Set<unknown>([1, "a", undefined, new Date(5), new Set()]),
      "dotted.key": { "back\\slash": 1n, "": undefined, "0": [1n] },
      lone: "\ud800",
    };
    expect(roundTrip(value)).toStrictEqual(value);
    expect(Object.is(roundTrip(-0), -0)).toBe(true);
    expect(text(undefined)).toBe('{"json":null,"meta":{"values":["undefined"],"v":1}}');
    expect(roundTrip(undefined)).toBeUndefined();
  });

  test("include bytes, which are decoded into their own buffer", () => {
    const backing = Uint8Array.from({ length: 300 }, (_, at) => at);
    for (const value of [backing, backing.subarray(7, 20), new Uint8Array(0), new Uint8Array(1), new Uint8Array(2)]) {
      const arrived = roundTrip(value);
      expect(arrived).toStrictEqual(new Uint8Array(value));
      expect(arrived.buffer.byteLength).toBe(value.length);
    }
    const fromBuffer = roundTrip<Uint8Array>(Buffer.from("hello"));
    expect(Buffer.isBuffer(fromBuffer)).toBe(false);
    expect(fromBuffer).toStrictEqual(new Uint8Array([104, 101, 108, 108, 111]));
  });

  test("include every kind of typed array, bit by bit, and ArrayBuffer", () => {
    for (const value of [
      new Int8Array([-1, 127]),
      new Uint8ClampedArray([0, 255]),
      new Int16Array([-2]),
      new Uint16Array([65535]),
      new Int32Array([-3]),
      new Uint32Array([2 ** 32 - 1]),
      new Float32Array([NaN, -0, 0.5]),
      new Float64Array([Infinity, -0, 1e300]),
      new BigInt64Array([-1n]),
      new BigUint64Array([2n ** 64n - 1n]),
      new Float64Array([1, 2, 3]).subarray(1),
    ]) {
      const arrived = roundTrip(value);
      expect(arrived.constructor).toBe(value.constructor);
      expect(Array.from<unknown>(arrived)).toStrictEqual(Array.from<unknown>(value));
    }
    const buffer = roundTrip(new Uint8Array([1, 2, 3]).buffer);
    expect(buffer).toBeInstanceOf(ArrayBuffer);
    expect(new Uint8Array(buffer)).toStrictEqual(new Uint8Array([1, 2, 3]));
  });

  test("include images of several megabytes, at the size of base64 and faster than as numbers", () => {
    const image = new Uint8Array(4 * 1024 * 1024);
    for (let at = 0; at < image.length; at++) image[at] = (at * 2654435761) >>> 13;
    const encoded = codec.encode([{ image }], what);
    const [arrived] = codec.decode(encoded, what) as [{ image: Uint8Array }];
    const best = (work: () => unknown): number =>
      Math.min(
        ...Array.from({ length: 3 }, () => {
          const startedAt = performance.now();
          work();
          return performance.now() - startedAt;
        }),
      );
    const ours = best(() => codec.decode(codec.encode([{ image }], what), what));
    expect(ours).toBeLessThan(best(() => JSON.parse(JSON.stringify([{ image: [...image] }]))));
    expect(encoded.length).toBeLessThan(image.length * 1.34 + 200);
    expect(Buffer.compare(arrived.image, image)).toBe(0);
  });

  test("include errors with their name, message, cause and properties, but without their stack", () => {
    const cause = Object.assign(new TypeError("inner"), { code: "E_INNER", at: new Date(1) });
    const error = new RangeError("outer", { cause });
    const arrived = roundTrip(error);
    expect(arrived).toBeInstanceOf(Error);
    expect(arrived).toMatchObject({ name: "RangeError", message: "outer" });
    expect(arrived.cause).toMatchObject({ name: "TypeError", message: "inner", code: "E_INNER", at: new Date(1) });
    expect(arrived.stack).toBe("RangeError: outer");
    expect(text([error])).not.toContain("codec.test");
    expect("cause" in roundTrip(new Error("alone"))).toBe(false);
    expect(roundTrip(new AggregateError([new Error("a"), 1n], "both")).errors).toEqual([new Error("a"), 1n]);
  });

  test("include the elements of an array with properties of its own, without them", () => {
    const match = /b(x)?/.exec("abc")!;
    expect(match).toHaveProperty("groups", undefined);
    expect(roundTrip<unknown>({ match, again: match })).toEqual({ match: ["b", undefined], again: ["b", undefined] });
    expect(roundTrip<unknown>([match])).toEqual([["b", undefined]]);
  });

  test("include as many equal bigints and NaNs as other values", () => {
    const value = [Array<bigint>(60_000).fill(7n), Array<number>(100).fill(NaN)];
    expect(roundTrip(value)).toStrictEqual(value);
    const numbers = Array<number>(MAX_ANNOTATIONS).fill(NaN);
    expect(roundTrip(numbers)).toStrictEqual(numbers);
  });

  test("preserve the identity of an object that occurs twice, including in sets and map keys", () => {
    const [one, two] = [{ n: 1 }, { n: 2 }];
    const date = new Date(7);
    const value = {
      first: one,
      second: two,
      set: new Set([one, two]),
      map: new Map([[one, two]]),
      deep: { list: [[two, date]] },
      date,
    };
    const arrived = roundTrip(value);
    expect(arrived).toStrictEqual(value);
    expect([...arrived.set]).toEqual([one, two]);
    expect([...arrived.set][0]).toBe(arrived.first);
    expect([...arrived.set][1]).toBe(arrived.second);
    expect(arrived.map.get(arrived.first)).toBe(arrived.second);
    expect(arrived.deep.list[0]![0]).toBe(arrived.second);
    expect(arrived.deep.list[0]![1]).toBe(arrived.date);
  });

  test("preserve identity inside shared objects", () => {
    const inner = { at: new Date(3) };
    const outer = { inner };
    const arrived = roundTrip({ long: { way: { outer } }, outer, inner });
    expect(arrived.long.way.outer).toBe(arrived.outer);
    expect(arrived.outer.inner).toBe(arrived.inner);
    expect(arrived.inner.at).toEqual(new Date(3));
  });

  test("can be decoded by plain superjson if they need no custom type", () => {
    const value = { a: new Map([[1, new Date(1)]]), b: [undefined, 1n], c: new URL("https://example.com/") };
    expect(new SuperJSON().parse(text(value))).toEqual(value);
    expect(new SuperJSON().parse(text(new RangeError("x")))).toMatchObject({ name: "RangeError", message: "x" });
  });
});

describe("keys with backslashes and dots", () => {
  test.each(["\\", "\\\\", ".", "a.b", "\\.", ".\\", "a\\.b\\\\"])("%j is encoded and decoded unchanged", (key) => {
    const value = { [key]: { [key]: new Date(1) }, other: 1n };
    expect(roundTrip(value)).toStrictEqual(value);
  });
});

describe("large messages", () => {
  const rows = (count: number): unknown =>
    Array.from({ length: count }, (_, id) => ({ id, name: `row ${id}`, at: new Date(id), tags: new Set(["a", id]) }));

  test("are decoded in slices to the same values as at once", async () => {
    const value = [rows(2_000), { shared: [1n], big: "x".repeat(200_000) }];
    const bytes = codec.encode(value, what);
    expect(codec.isQuickToDecode(bytes)).toBe(false);
    expect(await codec.decodeInSlices(bytes, what)).toStrictEqual(codec.decode(bytes, what));
    await fc.assert(
      fc.asyncProperty(fc.anything({ withDate: true, withMap: true, withSet: true, withBigInt: true }), async (any) => {
        let encoded: Uint8Array;
        try {
          encoded = codec.encode([any], what);
        } catch {
          return;
        }
        expect(await codec.decodeInSlices(encoded, what)).toStrictEqual(codec.decode(encoded, what));
      }),
    );
  });

  test("are classified by their content, not by their size alone", () => {
    const quick = (text: string): boolean => codec.isQuickToDecode(Buffer.from(text));
    expect(quick(`{"json":["${"x".repeat(1_000_000)}"]}`)).toBe(true);
    expect(quick(`{"json":[${"[],".repeat(20_000)}1]}`)).toBe(true);
    expect(quick(`{"json":[${"[],".repeat(200_000)}1]}`)).toBe(false);
    expect(quick(`{"json":{${Array.from({ length: 20_000 }, (_, at) => `"k${at}":1`).join(",")}}}`)).toBe(false);
    expect(quick(`{"json":[${'{"id":1,"name":"a"},'.repeat(10_000)}1]}`)).toBe(true);
    expect(quick(`{"json":[${'{"id":1,"n\\\\e":"a"},'.repeat(10_000)}1]}`), "a key with a backslash").toBe(false);
    expect(quick(`{"json":[${'{"id":1,"name":"\\\\"},'.repeat(10_000)}1]}`)).toBe(true);
  });

  test("stop being decoded when the signal is aborted", async () => {
    const stop = new AbortController();
    const reading = codec.decodeInSlices(codec.encode(rows(50_000), what), what, stop.signal);
    stop.abort(new Error("given up"));
    await expect(reading).rejects.toThrow("given up");
  });

  test("are rejected in slices with the same messages", async () => {
    const refused = async (text: string): Promise<string> =>
      codec.decodeInSlices(Buffer.from(text), what).then(
        () => "accepted",
        (error: InvokeError) => error.message,
      );
    expect(await refused('{"json":[{"secret-key":1}')).toMatch(
      /^arguments of billing\/charge: 25 bytes arrived intact but cannot be decoded: the body is not JSON: byte 25 does not fit\. /,
    );
    expect(await refused('{"json":1,"more":2}')).toMatch(/a field other than "json" and "meta"/);
    expect(await refused('{"json":null,"meta":{"v":1,"values":["regexp"]}}')).toMatch(/regular expression/);
  });
});

describe("a value that cannot be represented", () => {
  class Card {
    number = 1;
  }
  const loop: Record<string, unknown> = { name: "x" };
  loop["self"] = { back: loop };

  /** A path as it is in the message: with positions instead of keys. */
  const positions = /(?<=^arguments of billing\/charge: )(?:\[\d+\]|\.<key \d+>|<\w+ \d+>|<cause>)+(?= )/;

  test("is located by position in the message, and by its keys in the details only", () => {
    const error = caught(() => codec.encode([1, { "card of Ada": new Map([["4242", () => 1]]) }], what));
    expect(error.message).toMatch(/^arguments of billing\/charge: \[1\]\.<key 0><value 0> is a function/);
    expect(error.details).toEqual({ path: '[1]["card of Ada"].get("4242")' });
  });

  test.each<[string, unknown, string]>([
    [
      "a function",
      [{ card: { onDone: () => 1 } }],
      "[0].card.onDone is a function, which cannot be sent. Send only data, and define the function on the other side.",
    ],
    ["a method shorthand toJSON", [{ toJSON: () => 1 }], "[0].toJSON is a function, which cannot be sent."],
    ["a symbol", { a: Symbol("s") }, ".a is a symbol, which cannot be sent."],
    [
      "a class instance",
      [new Card()],
      "[0] is an instance of Card, which cannot be sent. Send plain data, such as { ...value }, and create the Card on the other side.",
    ],
    ["a promise", [Promise.resolve(1)], "[0] is an instance of Promise, which cannot be sent. Await it first."],
    ["a WeakMap", [new WeakMap()], "[0] is an instance of WeakMap, which cannot be sent. Send a Map."],
    [
      "a RegExp",
      { p: /a/ },
      ".p is an instance of RegExp, which cannot be sent. An untrusted pattern can stall its receiver. Send its source and flags as strings.",
    ],
    [
      "a DataView",
      [new DataView(new ArrayBuffer(1))],
      "[0] is an instance of DataView, which cannot be sent. Send a Uint8Array.",
    ],
    ["a Blob", [new Blob([])], "[0] is an instance of Blob, which cannot be sent. Send its bytes"],
    [
      "a Response",
      [new Response("x")],
      "[0] is an instance of Response, which cannot be sent. Read its body and send that.",
    ],
    [
      "an abort signal",
      [new AbortController().signal],
      "[0] is an instance of AbortSignal, which cannot be sent. Pass it as the call's signal option.",
    ],
    ["a boxed string", [Object("x")], "[0] is an instance of String, which cannot be sent. Send the primitive string."],
    ["a Map's subclass", [new (class Cache extends Map {})()], "[0] is an instance of Cache, which cannot be sent."],
    ["an array's subclass", [new (class List extends Array {})()], "[0] is an instance of List, which cannot be sent."],
    ["an invalid Date", { at: new Date(NaN) }, ".at is an invalid Date, which cannot be sent. Send null instead."],
    [
      "an empty array slot",
      { list: Object.assign([], { 0: 1, 2: 3 }) },
      ".list[1] is an empty array slot, which cannot be sent. Put null or undefined there.",
    ],
    [
      "a cycle",
      [loop],
      "[0].self.back refers back to an object that contains it, which cannot be sent. Break the cycle",
    ],
    [
      "a cycle through a cause",
      ((error) => ((error.cause = [error]), error))(new Error("x")),
      "<cause>[0] refers back to an object that contains it",
    ],
    ["a bigint of too many digits", [10n ** 5000n], "[0] is a bigint of more than 4096 digits, which cannot be sent."],
    [
      "the key __proto__",
      [JSON.parse('{"__proto__":{"admin":true}}')],
      "[0].__proto__ has the key __proto__, which is not allowed because it could change prototypes. Use another key, or a Map.",
    ],
    [
      "the key constructor",
      JSON.parse('{"constructor":1}'),
      ".constructor has the key constructor, which is not allowed",
    ],
    ["something in a Map's value", new Map([["k", () => 1]]), '.get("k") is a function'],
    ["something in a Map's key", new Map([[{ f: () => 1 }, 1]]), "<key 0>.f is a function"],
    ["something in a Set", new Set([1, () => 1]), "<item 1> is a function"],
    [
      "something in an error",
      Object.assign(new Error("x"), { request: new Card() }),
      ".request is an instance of Card",
    ],
    ["something below an odd key", { "a b": { 'q"': () => 1 } }, '["a b"]["q\\""] is a function'],
    ["the value itself", () => 1, "the value itself is a function"],
  ])("is rejected when it is encoded: %s", (_name, value, message) => {
    const error = caught(() => codec.encode(value, what));
    const named = error.message.replace(positions, (error.details as { path: string } | undefined)?.path ?? "");
    expect(named.startsWith(`${what}: ${message}`), `${error.message} / ${named}`).toBe(true);
    expect(error).toMatchObject({ code: "serialization_error", phase: "encode", retryable: false });
  });

  test("is rejected if a getter throws", () => {
    const value = {
      get broken() {
        throw new Error("no database");
      },
    };
    expect(refusal(value)).toBe(`${what}: could not be encoded (no database).`);
  });

  test("is rejected in bounded time if shared references would expand exponentially", () => {
    let value: unknown = { at: new Date() };
    for (let level = 0; level < 60; level++) value = [value, value];
    const started = performance.now();
    expect(refusal(value)).toMatch(/is one of more than 131072 values that plain JSON cannot represent/);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("is rejected with advice if it has too many values or annotations", () => {
    expect(refusal(Array.from({ length: MAX_NODES }, () => 1))).toMatch(
      /more than 2000000 values\. Send less at a time, or send numbers as a typed array/,
    );
    expect(refusal(Array.from({ length: MAX_ANNOTATIONS + 1 }))).toMatch(
      /more than 131072 values that plain JSON cannot represent/,
    );
  });

  test("is rejected if one object, Set, Map or URL is too large", () => {
    const keys = Array.from({ length: MAX_MEMBERS + 1 }, (_, at) => `k${at}`);
    expect(refusal([Object.fromEntries(keys.map((key) => [key, 1]))])).toMatch(
      /\[0\] is an object of more than 131072 keys/,
    );
    expect(refusal([new Set(keys)])).toMatch(/\[0\] is a Set of more than 131072 items/);
    expect(refusal([new Map(keys.map((key) => [key, 1]))])).toMatch(/\[0\] is a Map of more than 131072 entries/);
    expect(refusal([new URL(`http://host/${"a".repeat(MAX_URL_LENGTH)}`)])).toMatch(
      /is a URL of more than 65536 characters/,
    );
  });

  test("is never lost silently: every accepted value is decoded to an equal one", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: true,
      withBoxedValues: true,
      maxDepth: 3,
    });
    // A rejected value does not count as a run, so that every run checks an accepted value.
    fc.assert(
      fc.property(anything, (value) => {
        let encoded: Uint8Array;
        try {
          encoded = codec.encode(value, what);
        } catch (error) {
          expect(error).toBeInstanceOf(InvokeError);
          fc.pre(false);
          return;
        }
        expect(codec.decode(encoded, what)).toEqual(value);
      }),
      { numRuns: 301 },
    );
  });
});
