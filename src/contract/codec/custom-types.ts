/**
 * The custom types of the wire format, which superjson does not support or encodes inefficiently: bytes as base64
 * instead of one JSON number each, other binary data likewise, and errors with additional data.
 */
import { SuperJSON } from "superjson";

/** The names in `["custom", name]` annotations. */
export const customType = {
  /** A `Uint8Array` or `Buffer`, as base64. */
  bytes: "bytes",
  /** An `ArrayBuffer` or another typed array, as `{type, base64}` with little-endian elements. */
  binary: "binary",
  /** An `Error` with its own properties, as `{name, message, cause?, data}`. */
  error: "error",
} as const;

/** The typed arrays sent as `binary`, by name. */
export const typedArrays: ReadonlyMap<string, new (buffer: ArrayBuffer) => ArrayBufferView> = new Map(
  [
    Int8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ].map((type) => [type.name, type]),
);

/** Returns the type name of a typed array, also for subclasses such as `Buffer`; `undefined` for anything else. */
export const typedArrayName = (value: unknown): string | undefined =>
  ArrayBuffer.isView(value) && !(value instanceof DataView) ? (value as Uint8Array)[Symbol.toStringTag] : undefined;

/** Returns the properties of an error besides its name, message, cause and stack. */
export const errorData = (error: Error): Record<string, unknown> => {
  const data: Record<string, unknown> = {};
  if (error instanceof AggregateError) data["errors"] = error.errors;
  for (const key of Object.keys(error)) {
    if (key !== "name" && key !== "message" && key !== "cause" && key !== "stack") {
      Object.defineProperty(data, key, {
        value: error[key as keyof Error],
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
  }
  return data;
};

/** Whether an error has such properties. */
export const hasErrorData = (error: Error): boolean =>
  error instanceof AggregateError ||
  Object.keys(error).some((key) => key !== "name" && key !== "message" && key !== "cause" && key !== "stack");

/** Encodes binary data as base64. */
export const toBase64 = (value: ArrayBuffer | ArrayBufferView): string =>
  (ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : Buffer.from(value)
  ).toString("base64");

/** Decodes base64 into separate memory; `undefined` for invalid base64. */
export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> | undefined => {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  return Buffer.from(bytes.buffer).write(text, "base64") === bytes.length ? bytes : undefined;
};

/** Creates a separate superjson instance with the custom types. It only writes; `superjson-reader.ts` reads. */
export const makeSuperJson = (): SuperJSON => {
  const superJson = new SuperJSON({ dedupe: false });
  const never = (): never => {
    throw new TypeError("superjson-reader.ts reads the wire");
  };
  superJson.registerCustom<Uint8Array, string>(
    {
      isApplicable: (value): value is Uint8Array => typedArrayName(value) === "Uint8Array",
      serialize: toBase64,
      deserialize: never,
    },
    customType.bytes,
  );
  superJson.registerCustom<ArrayBuffer | ArrayBufferView, { type: string; base64: string }>(
    {
      isApplicable: (value): value is ArrayBuffer | ArrayBufferView =>
        value instanceof ArrayBuffer || typedArrayName(value) !== undefined,
      serialize: (value) => ({ type: typedArrayName(value) ?? "ArrayBuffer", base64: toBase64(value) }),
      deserialize: never,
    },
    customType.binary,
  );
  superJson.registerCustom<Error, never>(
    {
      isApplicable: (value): value is Error => value instanceof Error && hasErrorData(value),
      serialize: (error) =>
        ({
          name: error.name,
          message: error.message,
          ...("cause" in error ? { cause: error.cause } : {}),
          data: errorData(error),
        }) as never,
      deserialize: never,
    },
    customType.error,
  );
  return superJson;
};
