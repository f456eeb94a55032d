import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeCodec } from "../../../src/contract/codec/codec.ts";
import { parseJson } from "../../../src/contract/codec/parse-json.ts";

const codec = makeCodec();

describe("keys with escapes", () => {
  test.each([
    ["\\", '"'],
    ["a\\", 'a"'],
    ["\\", "\n"],
    ["\n", "\\"],
    ["\\\\", '\\"'],
    ["\\u", "\ud800"],
  ])("are read right after an object with the key %j: %j", (before, key) => {
    const shapes = Array.from({ length: 5 }, (): unknown => JSON.parse(JSON.stringify([{ [before]: 1 }])));
    for (const value of [
      { [key]: 1 },
      [{ [key]: { [key]: new Date(1) } }],
      { a: { [key]: 1n }, [before]: { [key]: 2n } },
    ]) {
      expect(codec.decode(codec.encode(value, "arguments"), "arguments")).toStrictEqual(value);
    }
    expect(shapes).toHaveLength(5);
  });

  test("are read as they were written", () => {
    const key = fc.string({ unit: fc.constantFrom("a", '"', "\\", "\n", "\ud800", "u"), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.dictionary(key, fc.constantFrom<unknown>(1, {}), { noNullPrototype: true })), (value) => {
        expect(parseJson(JSON.stringify(value))).toStrictEqual(value);
      }),
      { numRuns: 2_000 },
    );
  });
});

test("a text that is nested too deep does not exhaust the stack", () => {
  const text = `{"\\\\":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`;
  expect(() => parseJson(text)).toThrow(/nested more than 200 levels deep/);
});
