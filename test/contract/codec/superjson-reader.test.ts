import * as fc from "fast-check";
import { SuperJSON } from "superjson";
import { describe, expect, test } from "vitest";
import { makeCodec } from "../../../src/contract/codec/codec.ts";
import { MAX_ANNOTATIONS, MAX_DEPTH, MAX_NODES } from "../../../src/contract/codec/limits.ts";
import { caught } from "./caught.ts";

const codec = makeCodec();
const what = "arguments of billing/charge";

const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const nested = (depth: number, inner: unknown = "end"): unknown => {
  let value = inner;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
};
const copies = (count: number): ReadonlyArray<object> => Array.from({ length: count }, () => ({}));

const hostile = (value: unknown): string => {
  const error = caught(() => codec.decode(bytes(value), what));
  expect(error).toMatchObject({ code: "serialization_error", phase: "decode", retryable: false });
  expect(error.message.startsWith(`${what}: `)).toBe(true);
  return error.message;
};

describe("decode with hostile bytes", () => {
  test.each<[string, unknown, RegExp]>([
    ["invalid JSON", "{", /cannot be decoded: /],
    [
      "an empty body",
      "",
      /0 bytes arrived intact but cannot be decoded: .*Run the same version of firelight on both sides\.$/,
    ],
    ["a byte order mark", '\ufeff{"json":1}', /cannot be decoded/],
    ["a missing envelope", [1], /not an object with a field "json"/],
    ["a missing field json", { meta: {} }, /not an object with a field "json"/],
    ["an unknown field", { json: 1, extra: 2 }, /has a field other than "json" and "meta"/],
    ["__proto__", '{"json":[{"__proto__":{"admin":true}}]}', /key __proto__, which is not allowed/],
    ["an escaped __proto__", '{"json":[{"__pro\\u0074o__":{"admin":true}}]}', /key __proto__, which is not allowed/],
    ["constructor", { json: { a: { constructor: 1 } } }, /key constructor, which is not allowed/],
    ["prototype", { json: { prototype: 1 } }, /key prototype, which is not allowed/],
    [
      "__proto__ in a path",
      '{"json":{},"meta":{"v":1,"values":{"__proto__.x":["undefined"]}}}',
      /annotations name __proto__/,
    ],
    [
      "__proto__ as a path",
      '{"json":{},"meta":{"v":1,"values":{"__proto__":["undefined"]}}}',
      /annotations name __proto__/,
    ],
    [
      "constructor in an equality",
      { json: { a: {} }, meta: { v: 1, referentialEqualities: { a: ["constructor.prototype.x"] } } },
      /annotations name constructor/,
    ],
    [
      "an inherited path",
      { json: { a: {} }, meta: { v: 1, values: { "a.toString": ["undefined"] } } },
      /a path that does not exist/,
    ],
    [
      "an array's length",
      { json: [[1, 2]], meta: { v: 1, values: { "0.length": ["undefined"] } } },
      /a path that does not exist/,
    ],
    [
      "a path into a string",
      { json: "abc", meta: { v: 1, values: { "0": ["undefined"] } } },
      /a path that does not exist/,
    ],
    ["a malformed escape", { json: {}, meta: { v: 1, values: { "a\\b": ["undefined"] } } }, /malformed path/],
    ["an invalid meta", { json: 1, meta: 7 }, /not superjson's version 1/],
    ["the legacy version", { json: [null], meta: { values: { "0": ["undefined"] } } }, /not superjson's version 1/],
    ["an unknown field of meta", { json: 1, meta: { v: 1, more: 1 } }, /annotations have an unknown field/],
    ["invalid values", { json: 1, meta: { v: 1, values: "Date" } }, /annotations are malformed/],
    ["an empty annotation", { json: 1, meta: { v: 1, values: [] } }, /annotations are malformed/],
    [
      "a regexp",
      { json: "/(a+)+$/", meta: { v: 1, values: ["regexp"] } },
      /regular expression, which is not allowed because a pattern can stall/,
    ],
    [
      "a class",
      { json: {}, meta: { v: 1, values: [["class", "Object"]] } },
      /a parameterized type, which is not accepted/,
    ],
    ["a symbol", { json: "x", meta: { v: 1, values: [["symbol", "x"]] } }, /which is not accepted/],
    [
      "superjson's typed array with a length",
      { json: 1e9, meta: { v: 1, values: [["typed-array", "Uint8Array"]] } },
      /which is not accepted/,
    ],
    ["an inherited annotation", { json: 1, meta: { v: 1, values: ["toString"] } }, /a type that is not accepted/],
    [
      "an unknown custom type",
      { json: 1, meta: { v: 1, values: [["custom", "__proto__"]] } },
      /an unknown custom type/,
    ],
    [
      "a bigint of too many digits",
      { json: "9".repeat(5000), meta: { v: 1, values: ["bigint"] } },
      /annotated as bigint that is not one/,
    ],
    ["a hexadecimal bigint", { json: "0x10", meta: { v: 1, values: ["bigint"] } }, /annotated as bigint/],
    ["an invalid Date", { json: "yesterday", meta: { v: 1, values: ["Date"] } }, /annotated as Date/],
    [
      "a Date outside the calendar",
      { json: "2026-13-40T00:00:00.000Z", meta: { v: 1, values: ["Date"] } },
      /annotated as Date/,
    ],
    ["an invalid number", { json: "12", meta: { v: 1, values: ["number"] } }, /annotated as number/],
    ["an invalid map", { json: [[1, 2, 3]], meta: { v: 1, values: ["map"] } }, /annotated as map/],
    ["an invalid set", { json: "abc", meta: { v: 1, values: ["set"] } }, /annotated as set/],
    ["an invalid URL", { json: "no url", meta: { v: 1, values: ["URL"] } }, /annotated as URL/],
    ["an invalid Error", { json: { name: 1, message: "x" }, meta: { v: 1, values: ["Error"] } }, /annotated as Error/],
    [
      "an error whose data has a stack",
      { json: { name: "a", message: "b", data: { stack: "x" } }, meta: { v: 1, values: [["custom", "error"]] } },
      /annotated as error/,
    ],
    ["a value annotated as undefined", { json: 1, meta: { v: 1, values: ["undefined"] } }, /annotated as undefined/],
    ["invalid bytes", { json: "a*b=", meta: { v: 1, values: [["custom", "bytes"]] } }, /annotated as bytes/],
    ["truncated bytes", { json: "aGVsbG", meta: { v: 1, values: [["custom", "bytes"]] } }, /annotated as bytes/],
    [
      "an unknown typed array",
      { json: { type: "Object", base64: "" }, meta: { v: 1, values: [["custom", "binary"]] } },
      /annotated as binary/,
    ],
    [
      "bytes that do not fill a typed array",
      { json: { type: "Int32Array", base64: "AAA=" }, meta: { v: 1, values: [["custom", "binary"]] } },
      /cannot be decoded/,
    ],
    [
      "a root that refers to itself",
      { json: { a: null }, meta: { v: 1, referentialEqualities: [["a"]] } },
      /refers back to itself/,
    ],
    [
      "a part that refers to itself",
      { json: { a: { b: null } }, meta: { v: 1, referentialEqualities: { a: ["a.b"] } } },
      /refers back to itself/,
    ],
    [
      "two parts that refer to each other",
      {
        json: { a: { b: { a: 1 } }, b: { a: { b: 1 } } },
        meta: { v: 1, referentialEqualities: { a: ["b.a"], b: ["a.b"] } },
      },
      /refers back to itself/,
    ],
    [
      "invalid equalities",
      { json: {}, meta: { v: 1, referentialEqualities: { a: "b" } } },
      /annotations are malformed/,
    ],
    [
      "an equality with a path that does not exist",
      { json: {}, meta: { v: 1, referentialEqualities: { a: ["b"] } } },
      /a path that does not exist/,
    ],
    [
      "an annotation with too long a path",
      { json: [], meta: { v: 1, values: { [Array(300).fill("0").join(".")]: ["undefined"] } } },
      /annotations are more than 200 deep/,
    ],
    [
      "annotations nested too deeply",
      {
        json: [],
        meta: {
          v: 1,
          values: Array(300)
            .fill(0)
            .reduce((tree) => ["set", { "0": tree }], ["set"]),
        },
      },
      /annotations are more than 200 deep/,
    ],
  ])("rejects %s", (_name, value, message) => {
    expect(hostile(value)).toMatch(message);
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  test("rejects invalid UTF-8", () => {
    expect(caught(() => codec.decode(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), what)).code).toBe(
      "serialization_error",
    );
  });

  test("rejects excessive depth without overflowing the stack", () => {
    hostile(`{"json":${"[".repeat(500_000)}${"]".repeat(500_000)}}`);
    hostile(`{"json":1,"meta":${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}}`);
    hostile(`{"json":1,"meta":{"v":1,"values":${'["set",{"a":'.repeat(100_000)}["set"]${"}]".repeat(100_000)}}}`);
  });

  test("rejects too many values and too many annotations", () => {
    expect(hostile(`{"json":[${"1,".repeat(MAX_NODES)}1]}`)).toMatch(/more than 2000000 values/);
    const values = Object.fromEntries(Array.from({ length: MAX_ANNOTATIONS + 1 }, (_, at) => [at, ["undefined"]]));
    expect(hostile({ json: [], meta: { v: 1, values } })).toMatch(/more than 131072 annotations/);
    const inner = Object.fromEntries(Array.from({ length: MAX_ANNOTATIONS }, (_, at) => [at, ["undefined"]]));
    expect(hostile({ json: [], meta: { v: 1, values: { a: ["set", inner] } } })).toMatch(
      /more than 131072 annotations/,
    );
  });

  test.each<[string, () => unknown]>([
    [
      "one value shared 100,000 times",
      () => ({
        json: copies(100_001),
        meta: { v: 1, referentialEqualities: { "0": Array.from({ length: 100_000 }, (_, at) => `${at + 1}`) } },
      }),
    ],
    [
      "a chain of equalities",
      () => ({
        json: copies(50_001),
        meta: {
          v: 1,
          referentialEqualities: Object.fromEntries(
            Array.from({ length: 50_000 }, (_, at) => [`${at}`, [`${at + 1}`]]),
          ),
        },
      }),
    ],
    [
      "members of a large set, shared",
      () => ({
        json: { l: copies(50_000), s: copies(50_000) },
        meta: {
          v: 1,
          values: { s: ["set"] },
          referentialEqualities: Object.fromEntries(
            Array.from({ length: 50_000 }, (_, at) => [`l.${at}`, [`s.${at}`]]),
          ),
        },
      }),
    ],
    [
      "many annotations at the maximum depth",
      () => ({
        json: nested(MAX_DEPTH - 1, Array(5_000).fill(null)),
        meta: {
          v: 1,
          values: Object.fromEntries(
            Array.from({ length: 5_000 }, (_, at) => [`${"0.".repeat(MAX_DEPTH - 1)}${at}`, ["undefined"]]),
          ),
        },
      }),
    ],
    [
      "bigints of the maximum length",
      () => ({
        json: Array(250).fill("9".repeat(4096)),
        meta: { v: 1, values: Object.fromEntries(Array.from({ length: 250 }, (_, at) => [at, ["bigint"]])) },
      }),
    ],
  ])("takes time proportional to the size of valid input: %s", (_name, build) => {
    const input = bytes(build());
    const started = performance.now();
    codec.decode(input, what);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("returns a value or throws a serialization_error for any input", () => {
    const path = fc.constantFrom("", "0", "1", "a", "a.0", "0.a", "a.b", "\\.", "length", "0.0.0");
    const annotation = fc.constantFrom<unknown>(
      "undefined",
      "Date",
      "set",
      "map",
      "Error",
      "bigint",
      "number",
      "URL",
      "regexp",
      ["custom", "bytes"],
      ["custom", "binary"],
      ["custom", "error"],
      ["class", "x"],
      null,
      1,
      [],
    );
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: "small" },
        fc.tuple(annotation),
        fc.tuple(annotation, tie("children")),
        tie("children"),
        fc.jsonValue(),
      ),
      children: fc.dictionary(path, tie("node"), { maxKeys: 3 }),
    })).node;
    const json = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: "small" },
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie("node"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("a", "b", "name", "message", "data", "."), tie("node")),
      ),
    })).node;
    const equalities = fc.dictionary(path, fc.array(path, { maxLength: 3 }), { maxKeys: 3 });
    fc.assert(
      fc.property(json, tree, equalities, fc.boolean(), (value, values, referentialEqualities, shared) => {
        const input = bytes({ json: value, meta: shared ? { v: 1, values, referentialEqualities } : { v: 1, values } });
        try {
          codec.decode(input, what);
        } catch (error) {
          expect(error).toMatchObject({ code: "serialization_error" });
          expect((error as Error).message).not.toMatch(/stack|undefined \(|not a function|Cannot read/);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("does not use classes that the application has registered with superjson", () => {
    class Money {
      amount = 1;
    }
    SuperJSON.registerClass(Money, "Money");
    expect(caught(() => codec.encode([new Money()], what)).message).toMatch(/instance of Money/);
    expect(hostile({ json: {}, meta: { v: 1, values: [["class", "Money"]] } })).toMatch(/not accepted/);
  });
});
