import { describe, expect, test } from "vitest";
import { integer, milliseconds, quantity } from "../../../src/contract/validation/check-number.ts";
import { ConfigError } from "../../../src/contract/errors.ts";
import { nearestName } from "../../../src/contract/validation/nearest-name.ts";
import { boolean, either, fn, list, no, oneOf, record, text } from "../../../src/contract/validation/option-checks.ts";
import { type Check, object, readOption, readPart, required } from "../../../src/contract/validation/option-schema.ts";

interface Inner {
  readonly mode?: "fast" | "slow";
  readonly sizes?: ReadonlyArray<number>;
}

interface Options {
  readonly count: number;
  readonly waitMs?: number;
  readonly inner?: Inner | false;
  readonly names?: Readonly<Record<string, string>>;
  readonly key?: string;
}

const schema = object<Options>(
  {
    count: required(integer("things", { min: 1, max: 9 })),
    waitMs: milliseconds({ min: 0, infinity: true }),
    inner: either(
      object<Inner>({ mode: oneOf(["fast", "slow"]), sizes: list(quantity("a size", { above: 0 })) }),
      no(),
    ),
    names: record(text(), { names: { pattern: /^[a-z]+$/, allowed: "lower-case letters" } }),
    key: text({ secret: true }),
  },
  { elsewhere: { port: "is an option of servers." } },
);

const refusal = (value: unknown): string => {
  try {
    readOption(schema, value, "make");
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  return "nothing was rejected";
};

describe("an option schema", () => {
  test("returns a copy of the value without undefined fields", () => {
    const given = {
      count: 1,
      waitMs: Infinity,
      inner: { sizes: [1.5] },
      names: { a: "b", c: undefined },
      key: undefined,
    };
    const read = readOption<Options>(schema, given, "make");
    expect(read).toEqual({ count: 1, waitMs: Infinity, inner: { sizes: [1.5] }, names: { a: "b" } });
    expect(Object.keys(read)).not.toContain("key");
    expect(read.inner).not.toBe(given.inner);
  });

  test.each<[unknown, string]>([
    [{}, "make: count is missing. Use a whole number of things from 1 to 9."],
    [{ count: 10 }, "make: count is 10. Use a whole number of things from 1 to 9."],
    [{ count: "5" }, 'make: count is "5". Use a whole number'],
    [{ count: 1, waitMs: -1 }, "make: waitMs is -1. Use a number of milliseconds, 0 or more, or Infinity."],
    [{ count: 1, inner: true }, "make: inner is true. Use an object with mode and sizes, or false."],
    [{ count: 1, inner: { mode: "fats" } }, 'make: inner.mode is "fats". Did you mean "fast"? Use "fast" or "slow".'],
    [{ count: 1, inner: { sizes: [1, 0] } }, "make: inner.sizes[1] is 0. Use a size above 0."],
    [{ count: 1, inner: { size: [] } }, "make: inner.size is not an option. Did you mean sizes?"],
    [{ count: 1, names: { a: 5 } }, "make: names.a is 5. Use a non-empty string."],
    [{ count: 1, names: { "a b": "c" } }, 'make: names has the name "a b". Use lower-case letters.'],
    [{ count: 1, key: 12345 }, "make: key is a number. Use a non-empty string."],
    [{ count: 1, key: "" }, "make: key is empty. Use a non-empty string."],
    [{ count: 1, port: 1 }, "make: port is an option of servers."],
    [{ count: 1, zzz: 1 }, "make: zzz is not an option. The options are count, waitMs, inner, names, key."],
    [{ count: 1, "z z\n": 1 }, 'make: "z z\\n" is not an option.'],
    [JSON.parse('{"count":1,"__proto__":{}}'), "make: __proto__ is not an option."],
    [{ count: 1, constructor: 1 }, "make: constructor is not an option."],
    [Promise.resolve(1), "make: options is a promise. Use an object with count, waitMs, inner and others."],
    [[], "make: options is an array."],
  ])("rejects %o", (value, message) => {
    expect(refusal(value)).toContain(message);
  });

  test("names the full path of a part of the configuration", () => {
    expect(() => readPart(schema, { count: 0 }, "pools.gpu")).toThrow("pools.gpu.count is 0.");
    expect(() => readPart(schema, 5, "pools.gpu")).toThrow("pools.gpu is 5.");
  });

  test("keeps messages short for any value", () => {
    const long = "x".repeat(100_000);
    for (const value of [
      long,
      { [long]: 1 },
      { count: long },
      { count: 1, names: { [long]: 1 } },
      { count: BigInt(`0x${"f".repeat(9_999)}`) },
    ])
      expect(refusal(value).length).toBeLessThan(400);
  });

  test("redacts the user and the password of a URL", () => {
    expect(refusal({ count: "http://user:hunter2@host/path" })).toContain('count is "http://[redacted]@host/path".');
  });

  test("rejects a field whose getter throws, with the error as the cause", () => {
    const thrown = new Error("hostile");
    const value = {
      get count(): number {
        throw thrown;
      },
    };
    const read = () => readOption(schema, value, "make");
    expect(read).toThrow(
      expect.objectContaining({ message: "make: count cannot be read: reading it threw an error.", cause: thrown }),
    );
  });

  test("reads each field once", () => {
    let reads = 0;
    const value = {
      get count(): number {
        return reads++ === 0 ? 1 : Number.NaN;
      },
    };
    expect(readOption(schema, value, "make")).toEqual({ count: 1 });
    expect(reads).toBe(1);
  });

  test("ignores enumerable properties of Object.prototype", () => {
    const shared: object = Object.prototype;
    Object.defineProperty(shared, "extra", { value: 1, enumerable: true, configurable: true });
    let read: Options | undefined;
    try {
      read = readOption(schema, { count: 1 }, "make");
    } finally {
      Reflect.deleteProperty(shared, "extra");
    }
    expect(read).toEqual({ count: 1 });
  });
});

describe("nearestName", () => {
  const names = ["timeoutMs", "maxConcurrency", "retry", "id", "maxBodyBytes"];
  test.each([
    ["timeout", "timeoutMs"],
    ["timeoutMS", "timeoutMs"],
    ["tiemoutMs", "timeoutMs"],
    ["concurrency", "maxConcurrency"],
    ["retyr", "retry"],
    ["ID", "id"],
    ["maxBody", "maxBodyBytes"],
    ["", undefined],
    ["color", undefined],
    ["x".repeat(10_000), undefined],
  ])("of %s returns %s", (given, expected) => {
    expect(nearestName(given, names)).toBe(expected);
  });
});

// A schema that does not match its interface does not compile.
export const misfits = (): void => {
  const count = required(integer("things", { min: 1 }));
  const rest = { waitMs: milliseconds({ min: 0 }), names: record(text()), key: text() };
  const inner: Check<Inner | false> = either(
    object<Inner>({ mode: oneOf(["fast", "slow"]), sizes: list(integer("", {})) }),
    no(),
  );
  object<Options>({ ...rest, count, inner });
  // @ts-expect-error: `inner` is missing
  object<Options>({ ...rest, count });
  // @ts-expect-error: there is no `other`
  object<Options>({ ...rest, count, inner, other: text() });
  // @ts-expect-error: `count` cannot be left out
  object<Options>({ ...rest, count: integer("things", { min: 1 }), inner });
  // @ts-expect-error: `key` can be left out
  object<Options>({ ...rest, count, inner, key: required(text()) });
  // @ts-expect-error: `key` is a string
  object<Options>({ ...rest, count, inner, key: boolean() });
  // @ts-expect-error: `waitMs` is not a function
  object<Options>({ ...rest, count, inner, waitMs: either(milliseconds({ min: 0 }), fn<() => number>()) });
  // @ts-expect-error: `slow` is missing
  object<Inner>({ mode: oneOf(["fast"]), sizes: list(integer("", {})) });
};
