import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_DEPTH, MAX_MEMBERS, MAX_NODES } from "../../../src/contract/codec/limits.ts";
import { JsonReader } from "../../../src/contract/codec/json-reader.ts";

/** Reads a text in steps of one value each. */
const read = (text: string): unknown => {
  const reader = new JsonReader(Buffer.from(text));
  while (!reader.read(1));
  return reader.value;
};

const outcome = (run: () => unknown): unknown => {
  try {
    return { value: run() };
  } catch {
    return "refused";
  }
};

const forbidden = /"(?:__proto__|constructor|prototype)"/;

describe("JsonReader", () => {
  test("returns the same values as JSON.parse", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, "\t"), (value, space) => {
        const text = JSON.stringify({ json: value }, undefined, space);
        fc.pre(!forbidden.test(text));
        expect(read(text)).toStrictEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  test("accepts exactly what JSON.parse accepts", () => {
    const pieces = [
      ...'{}[],:"\\ \n0123456789-+.eEtrufalsn/b\u00e9\u2028x'.split(""),
      "true",
      "null",
      '"a"',
      "\\u00e9",
      "1e5",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (chosen) => {
        const text = chosen.join("");
        expect(outcome(() => read(text))).toStrictEqual(outcome(() => JSON.parse(text)));
      }),
      { numRuns: 5_000 },
    );
  });

  test("accepts or rejects a mutated text like JSON.parse", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 4 }),
        fc.nat(),
        fc.nat(),
        fc.constantFrom(...'{}[],:"\\01-.eE '.split("")),
        (value, at, length, put) => {
          const text = JSON.stringify(value);
          const from = at % (text.length + 1);
          const changed = text.slice(0, from) + put + text.slice(from + (length % 3));
          fc.pre(!forbidden.test(changed));
          expect(outcome(() => read(changed))).toStrictEqual(outcome(() => JSON.parse(changed)));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test.each([
    "0",
    "-0",
    "1",
    "123456789012345",
    "1234567890123456789",
    "0.1",
    "-1.5e-7",
    "1E400",
    "9007199254740993",
    '""',
    '"\\ud83d\\ude00 \\n\\"\\\\"',
    '"\u00e9\u{1f600}"',
    '  {"a":[],"b":{},"a":[1]} ',
    '{"":1,"0":2,"-1":3}',
  ])("reads %s", (text) => {
    expect(read(text)).toStrictEqual(JSON.parse(text));
  });

  test.each([
    "",
    " ",
    "01",
    "1.",
    ".5",
    "+1",
    "1e",
    "--1",
    "[1,]",
    "[,1]",
    '{"a"}',
    '{"a":1,}',
    "{1:2}",
    '"\n"',
    '"',
    '"\\x"',
    '"\\u12"',
    "nul",
    "truex",
    "[1 2]",
    "{}x",
    "NaN",
  ])("rejects %j", (text) => {
    expect(() => read(text)).toThrow(/^the body is not JSON: byte \d+ does not fit$/);
  });

  test("reads long strings in parts", () => {
    const texts = [
      "x".repeat(1_000_000),
      "\u00e9\u{1f600}".repeat(200_000),
      '"\\'.repeat(300_000),
      `a${"\u0001\ud800".repeat(100_000)}`,
      "y".repeat(262_143) + "\u00e9" + "z".repeat(300_000),
    ];
    for (const text of texts) {
      const json = JSON.stringify({ json: [text, { [text]: 1 }] });
      expect(read(json)).toStrictEqual(JSON.parse(json));
    }
    for (const end of ["", "\\", '\\u00"', "\n"])
      expect(() => read(`"${"x".repeat(600_000)}${end}`)).toThrow(/not JSON/);
  });

  test("enforces the limits of the wire format", () => {
    const nested = (depth: number): string => `{"json":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    expect(read(nested(MAX_DEPTH))).toBeDefined();
    expect(() => read(nested(MAX_DEPTH + 1))).toThrow(/more than 200 levels deep/);
    expect(() => read(`{"json":[${"0,".repeat(MAX_NODES)}0]}`)).toThrow(/more than 2000000 values/);
    const keys = Array.from({ length: MAX_MEMBERS + 1 }, (_, at) => `"${at}":1`);
    expect(() => read(`{"json":{${keys.join(",")}}}`)).toThrow(/an object of more than 131072 keys/);
    expect(() => read('{"json":[{"__proto__":1}]}')).toThrow(/key __proto__, which is not allowed/);
    expect(() => read('{"json":[{"__pro\\u0074o__":1}]}')).toThrow(/key __proto__, which is not allowed/);
    expect(() => read('{"json":{"constructor":1}}')).toThrow(/key constructor, which is not allowed/);
    expect(() => read('{"json":1,"meta":{"__proto__":{}}}')).toThrow(/annotations name __proto__/);
    expect(
      read('{"json":1,"meta":{"constructor":2,"values":{"a":{}}}}'),
      "annotations, whose paths are checked later",
    ).toEqual({
      json: 1,
      meta: { constructor: 2, values: new Map([["a", new Map()]]) },
    });
  });

  test("distinguishes keys whose hashes collide", () => {
    const text = `[${Array.from({ length: 5_000 }, (_, at) => `{"${at % 7 === 0 ? "Aa" : "BB"}":${at},"k${at % 1_500}":0}`).join(",")}]`;
    expect(read(text)).toStrictEqual(JSON.parse(text));
  });
});
