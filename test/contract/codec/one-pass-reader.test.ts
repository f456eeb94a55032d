/** Compares the reader in one pass with the reader that takes everything, and with superjson. */
import * as fc from "fast-check";
import { SuperJSON } from "superjson";
import { describe, expect, test } from "vitest";
import { makeCodec } from "../../../src/contract/codec/codec.ts";
import { isoTime } from "../../../src/contract/codec/iso-date.ts";
import { readInOnePass } from "../../../src/contract/codec/one-pass-reader.ts";
import { writeSuperJson } from "../../../src/contract/codec/superjson-writer.ts";
import { library, rich } from "./values.ts";

const codec = makeCodec();

/** The value that the other reader gives, or the error that it throws. */
const fullRead = (text: string): Promise<{ readonly value: unknown } | { readonly error: unknown }> =>
  codec.decodeInSlices(Buffer.from(text), "arguments").then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

const expectSame = async (text: string): Promise<boolean> => {
  const read = readInOnePass(text);
  if (read === undefined) return false;
  expect(read).toStrictEqual(await fullRead(text));
  return true;
};

describe("the reader in one pass", () => {
  test("gives what the other reader gives", async () => {
    let read = 0;
    await fc.assert(
      fc.asyncProperty(rich, async (value) => {
        if (await expectSame(writeSuperJson(value)!)) read++;
      }),
      { numRuns: 1_000 },
    );
    expect(read).toBeGreaterThan(400);
  });

  test("reads what superjson writes", () => {
    fc.assert(
      fc.property(library, (value) => {
        const text = new SuperJSON().stringify(value);
        expect(codec.decode(Buffer.from(text), "arguments")).toStrictEqual(value);
      }),
      { numRuns: 1_000 },
    );
  });

  test("reads no changed text as something else", async () => {
    let read = 0;
    await fc.assert(
      fc.asyncProperty(
        rich,
        fc.nat(),
        fc.nat(),
        fc.constantFrom(
          ...'{}[],:."\\01-a '.split(""),
          '["Date"]',
          '["map"]',
          '"0":',
          ',"meta":{"values":',
          ',"v":1}}',
          '["Error"]',
          "__proto__",
        ),
        async (value, at, length, put) => {
          const text = writeSuperJson(value)!;
          // Most changes are made to the annotations.
          const first = at % 4 === 0 ? 0 : Math.max(0, text.lastIndexOf(',"meta"'));
          const from = first + (at % (text.length - first + 1));
          if (await expectSame(text.slice(0, from) + put + text.slice(from + (length % 4)))) read++;
        },
      ),
      { numRuns: 2_000 },
    );
    expect(read).toBeGreaterThan(5);
  });

  test("reads no annotations in another order, twice or of other types as something else", async () => {
    let read = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(rich, { minLength: 1, maxLength: 3 }),
        fc.nat(),
        fc.nat(),
        fc.constantFrom<unknown>(
          undefined,
          ["Date"],
          ["map"],
          ["set"],
          ["Error"],
          ["number"],
          [["custom", "error"]],
          ["undefined"],
        ),
        async (value, turn, at, type) => {
          const { json, meta } = JSON.parse(writeSuperJson(value)!) as { json: unknown; meta?: { values: object } };
          const entries = Object.entries(meta?.values ?? {}) as Array<[string, unknown]>;
          fc.pre(entries.length > 0);
          const [path, annotation] = entries[at % entries.length]!;
          const changed = [
            ...entries.slice(turn % entries.length),
            [path, type ?? annotation] as const,
            ...entries.slice(0, turn % entries.length),
          ].filter((entry, index) => turn % 3 !== 0 || entry[0] !== path || index === turn % entries.length);
          const values = changed.map(([key, item]) => `${JSON.stringify(key)}:${JSON.stringify(item)}`).join(",");
          if (await expectSame(`{"json":${JSON.stringify(json)},"meta":{"values":{${values}},"v":1}}`)) read++;
        },
      ),
      { numRuns: 2_000 },
    );
    expect(read).toBeGreaterThan(100);
  });
});

test("the time of a text is the one that Date gives, or none", () => {
  const number = (max: number, length: number) => fc.nat(max).map((value) => String(value).padStart(length, "0"));
  const text = fc
    .tuple(number(9_999, 4), number(14, 2), number(33, 2), number(25, 2), number(61, 2), number(61, 2), number(999, 3))
    .map(
      ([year, month, day, hour, minute, second, ms]) => `${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`,
    );
  let read = 0;
  fc.assert(
    fc.property(
      text,
      fc.option(fc.tuple(fc.nat(23), fc.constantFrom(..." -:TZ+.x/".split(""))), { freq: 3 }),
      (given, change) => {
        const at = change?.[0] ?? 0;
        const changed = change === null ? given : given.slice(0, at) + change[1] + given.slice(at + 1);
        const time = isoTime(changed);
        if (Number.isNaN(time)) return;
        read++;
        expect(new Date(time).toISOString()).toBe(changed);
      },
    ),
    { numRuns: 5_000 },
  );
  expect(read).toBeGreaterThan(500);
});
