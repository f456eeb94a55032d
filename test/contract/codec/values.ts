/** Generators of values for the tests of the codec. */
import * as fc from "fast-check";

const leaf = fc.oneof(
  fc.constantFrom<unknown>(undefined, NaN, Infinity, -Infinity, -0, 0, null, "", true, 1n, -5n),
  fc.double(),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.webUrl().map((url) => new URL(url)),
  fc.string({ unit: fc.constantFrom("a", ".", "\\", "é", "\ud800", '"', "\u0000") }),
  fc
    .constantFrom(
      () => Uint8Array.of(1, 2, 3),
      () => Float32Array.of(1, -0),
      () => new ArrayBuffer(2),
    )
    .map((make) => make()),
);

const key = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", ".", "\\", "/", "0", " ", "é", '"', "\ud800", "\n"), maxLength: 6 }),
  fc.constantFrom("0", "1", "10", "01", "4294967294", "4294967295", "-1", "name", "length"),
);

/** Values of every kind that can be sent, in which no object occurs twice. */
export const rich = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: "small" },
    leaf,
    fc.array(tie("node"), { maxLength: 4 }),
    tie("record"),
    fc.array(fc.tuple(tie("node"), tie("node")), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie("node"), { maxLength: 3 }).map((items) => new Set(items)),
    fc
      .record({ message: fc.string(), cause: fc.option(tie("node"), { nil: undefined }), data: tie("record") })
      .map(({ message, cause, data }) => {
        const error = cause === undefined ? new RangeError(message) : new RangeError(message, { cause });
        for (const [name, item] of Object.entries(data as object)) {
          if (name !== "name") Object.defineProperty(error, name, { value: item, enumerable: true });
        }
        return error;
      }),
  ),
  record: fc.dictionary(key, tie("node"), { maxKeys: 4 }),
})).node;

/** Values that superjson reads without Firelight's types. */
export const library = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<unknown>(undefined, NaN, Infinity, -Infinity, -0, null, "", true),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.webUrl().map((url) => new URL(url)),
    fc.array(tie("node"), { maxLength: 4 }),
    fc.dictionary(key, tie("node"), { maxKeys: 4, noNullPrototype: true }),
    fc.array(fc.tuple(tie("node"), tie("node")), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie("node"), { maxLength: 3 }).map((items) => new Set(items)),
  ),
})).node;
