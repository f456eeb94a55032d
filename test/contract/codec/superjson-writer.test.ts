/** Compares the writer with superjson itself, which is the reference. */
import * as fc from "fast-check";
import { SuperJSON } from "superjson";
import { describe, expect, test } from "vitest";
import { makeSuperJson } from "../../../src/contract/codec/custom-types.ts";
import { isoText } from "../../../src/contract/codec/iso-date.ts";
import { MAX_DEPTH } from "../../../src/contract/codec/limits.ts";
import { writeShared, writeSuperJson } from "../../../src/contract/codec/superjson-writer.ts";
import { library, rich } from "./values.ts";

const reference = makeSuperJson();

const nested = (depth: number, inner: unknown = "end"): unknown => {
  let value = inner;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
};

const segmentsOf = (path: string): ReadonlyArray<string> => {
  const segments: Array<string> = [];
  let segment = "";
  for (let at = 0; at < path.length; at++) {
    if (path[at] === ".") {
      segments.push(segment);
      segment = "";
    } else {
      segment += path.charAt(path[at] === "\\" ? ++at : at);
    }
  }
  return [...segments, segment];
};

/** What superjson writes, except that it lists equal bigints and NaNs as shared objects. */
const expected = (value: unknown): string => {
  const { json, meta } = reference.serialize(value);
  const equalities = meta?.referentialEqualities as Record<string, unknown> | undefined;
  if (meta === undefined || equalities === undefined) return JSON.stringify({ json, meta });
  const kept = Object.entries(equalities).filter(([path]) => {
    let at: unknown = json;
    for (const segment of segmentsOf(path)) at = (at as Record<string, unknown>)[segment];
    return typeof at !== "string" || !/^(?:-?\d+|NaN)$/.test(at);
  });
  const { values } = meta;
  return JSON.stringify({
    json,
    meta: {
      ...(values === undefined ? {} : { values }),
      ...(kept.length === 0 ? {} : { referentialEqualities: Object.fromEntries(kept) }),
      v: 1,
    },
  });
};

describe("the writer", () => {
  test("writes what superjson writes", () => {
    let written = 0;
    fc.assert(
      fc.property(rich, (value) => {
        const text = writeSuperJson(value);
        if (text === undefined) return;
        written++;
        expect(text).toBe(expected(value));
      }),
      { numRuns: 1_000 },
    );
    expect(written).toBeGreaterThan(800);
  });

  test("writes what superjson writes when objects are shared", () => {
    let shared = 0;
    fc.assert(
      fc.property(
        fc.array(fc.oneof(rich, fc.array(rich, { maxLength: 2 })), { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { maxLength: 4 }),
        (pieces, links) => {
          const value: Array<unknown> = [...pieces];
          for (const [at, into] of links) {
            const piece = pieces[at % pieces.length];
            const container = pieces[into % pieces.length];
            // A piece refers only to later ones, so there are no circles.
            if (Array.isArray(container) && at % pieces.length > into % pieces.length) container.push(piece, [piece]);
            else value.push(piece, { "a.b": piece });
          }
          const text = writeShared(value);
          if (writeSuperJson(value) === undefined) shared++;
          expect(text).toBe(expected(value));
        },
      ),
      { numRuns: 700 },
    );
    expect(shared).toBeGreaterThan(150);
  });

  test("writes what superjson reads, for plain superjson types", () => {
    fc.assert(
      fc.property(library, (value) => {
        const text = writeSuperJson(value);
        // V8 gets some keys wrong: see parse-json.ts.
        fc.pre(text !== undefined && JSON.stringify(JSON.parse(text)) === text);
        expect(new SuperJSON().parse(text)).toStrictEqual(value);
      }),
      { numRuns: 1_000 },
    );
  });

  test("leaves out that bigints and NaNs are equal", () => {
    expect(writeSuperJson([1n, 1n, NaN, NaN])).toBe(
      '{"json":["1","1","NaN","NaN"],"meta":{"values":{"0":["bigint"],"1":["bigint"],"2":["number"],"3":["number"]},"v":1}}',
    );
  });

  test.each<[string, unknown]>([
    ["a hole", Object.assign([], { length: 1 })],
    ["a function toJSON", { toJSON: () => 1 }],
    ["an object twice", ((one) => [one, one])({})],
    ["a circle", ((one: Array<unknown>) => (one.push(one), one))([])],
    [
      "a class instance",
      new (class Card {
        number = 1;
      })(),
    ],
    ["an array's subclass", new (class List extends Array {})()],
    ["a key constructor", JSON.parse('{"constructor":1}')],
    ["a key __proto__", JSON.parse('{"__proto__":1}')],
    ["a symbol", Symbol("a")],
    ["a pattern", /a/],
    ["an invalid Date", new Date(NaN)],
    ["depth", nested(MAX_DEPTH + 1)],
  ])("does not write %s", (_name, value) => {
    expect(writeSuperJson(value)).toBeUndefined();
    expect(writeSuperJson([new Map([["a", { b: value }]])])).toBeUndefined();
  });

  test("writes nothing while the prototype of objects is extended", () => {
    const prototype = Object.prototype as Record<string, unknown>;
    prototype["extended"] = new Date(1);
    try {
      expect(writeSuperJson({ at: new Date(2) })).toBeUndefined();
    } finally {
      delete prototype["extended"];
    }
    expect(writeSuperJson({ at: new Date(2) })).toBeDefined();
  });

  test("does not change what it writes", () => {
    const value = { at: new Date(1), list: [undefined, new Map([[{ n: 1n }, new Set([-0])]])] };
    const copy = structuredClone(value);
    writeSuperJson(value);
    writeShared(value);
    expect(value).toStrictEqual(copy);
  });
});

test("dates are written as toISOString writes them", () => {
  const dates = fc.oneof(
    fc.date({ noInvalidDate: true }),
    fc.date({ noInvalidDate: true, min: new Date("0990-01-01T00:00:00Z"), max: new Date("2100-01-01T00:00:00Z") }),
    fc
      .constantFrom(
        -8.64e15,
        8.64e15,
        -1,
        0,
        Date.UTC(2000, 1, 29),
        Date.UTC(1900, 1, 28, 23, 59, 59, 999),
        Date.UTC(1900, 2, 1),
        Date.UTC(9999, 11, 31, 23, 59, 59, 999),
        Date.UTC(10_000, 0, 1),
        Date.UTC(999, 11, 31),
        Date.UTC(1000, 0, 1),
      )
      .map((time) => new Date(time)),
  );
  fc.assert(
    fc.property(dates, (date) => {
      expect(isoText(date)).toBe(date.toISOString());
    }),
    { numRuns: 5_000 },
  );
  for (let day = Date.UTC(1899, 11, 30); day < Date.UTC(2101, 0, 3); day += 86_400_000) {
    const date = new Date(day + 86_399_999);
    if (isoText(date) !== date.toISOString()) expect(isoText(date)).toBe(date.toISOString());
  }
});
