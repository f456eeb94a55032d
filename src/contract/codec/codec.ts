/**
 * Encodes arguments and results as bytes and decodes them. The bytes are superjson's JSON in UTF-8:
 * `{"json":…,"meta"?:…}`. Three things differ from superjson: a writer and a reader that take one pass do its work in a
 * fraction of the time, values that would be lost are rejected on the sending side, and reading takes linear time for any
 * input. superjson itself writes what the writer leaves: values while the prototype of objects has been extended.
 *
 * Values are copied. Within one message, an object with several references arrives as one object. Only data is sent:
 * elements of arrays and enumerable properties with string keys. An `Error` arrives as an `Error` with its name,
 * message, cause and enumerable properties, without its stack. A `Buffer` arrives as a `Uint8Array`.
 */
import { isUtf8 } from "node:buffer";
import { setImmediate as turn } from "node:timers/promises";
import { makeSuperJson } from "./custom-types.ts";
import { InvokeError } from "../errors.ts";
import { isQuickToRead } from "./json-cost.ts";
import { isObject, requireSafeJson } from "./limits.ts";
import { JsonReader } from "./json-reader.ts";
import { readInOnePass } from "./one-pass-reader.ts";
import { isRefusal, requireSendable } from "./assert-serializable.ts";
import { parseJson } from "./parse-json.ts";
import { readMeta } from "./superjson-reader.ts";
import { writeShared, writeSuperJson } from "./superjson-writer.ts";
import { messageOf } from "../thrown.ts";

/** Encodes values as bytes and decodes them. */
export interface Codec {
  /**
   * Encodes a value as UTF-8 JSON. `what` names it in errors, such as `arguments of billing/charge`.
   *
   * @throws {InvokeError} `serialization_error` with the path of the value that cannot be sent, and what to send
   * instead
   */
  encode(value: unknown, what: string): Uint8Array;
  /**
   * Decodes bytes received from the wire, in linear time.
   *
   * @throws {InvokeError} `serialization_error` if {@link Codec.encode} did not produce them
   */
  decode(bytes: Uint8Array, what: string): unknown;
  /**
   * Whether {@link Codec.decode} takes a few milliseconds at most. Use {@link Codec.decodeInSlices} for other messages.
   */
  isQuickToDecode(bytes: Uint8Array): boolean;
  /**
   * Like {@link Codec.decode}, but in slices of a few milliseconds between turns of the event loop. Rejects with the
   * signal's reason when it is aborted.
   */
  decodeInSlices(bytes: Uint8Array, what: string, signal?: AbortSignal): Promise<unknown>;
}

/** Maximum work between two turns of the event loop, in milliseconds. */
const sliceMs = 8;

/** Number of values read between two clock checks. */
const valuesPerStep = 2_048;

const utf8 = (bytes: Uint8Array): string => {
  if (!isUtf8(bytes)) throw new TypeError("the body is not UTF-8");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
};

/** Splits a message into its parts. Errors do not quote its content. */
const readParts = (envelope: unknown): { readonly json: unknown; readonly meta?: unknown } => {
  if (!isObject(envelope) || !Object.hasOwn(envelope, "json")) {
    throw new TypeError('the body is not an object with a field "json"');
  }
  for (const key of Object.keys(envelope)) {
    if (key !== "json" && key !== "meta") throw new TypeError('the body has a field other than "json" and "meta"');
  }
  return envelope as { json: unknown; meta?: unknown };
};

const parse = (text: string): unknown => {
  try {
    return parseJson(text);
  } catch (error) {
    throw error instanceof SyntaxError ? new TypeError("the body is not JSON") : error;
  }
};

const finish = (steps: Generator<void, unknown>): unknown => {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};

const readEnvelope = (bytes: Uint8Array): unknown => {
  const text = utf8(bytes);
  const read = readInOnePass(text);
  if (read !== undefined) return read.value;
  const { json, meta } = readParts(parse(text));
  requireSafeJson(json);
  return meta === undefined ? json : finish(readMeta(json, meta));
};

/** Does the same with pauses. */
function* envelopeSteps(bytes: Uint8Array): Generator<void, unknown> {
  if (!isUtf8(bytes)) throw new TypeError("the body is not UTF-8");
  const reader = new JsonReader(bytes);
  while (!reader.read(valuesPerStep)) yield;
  const { json, meta } = readParts(reader.value);
  return meta === undefined ? json : yield* readMeta(json, meta);
}

const inSlices = async (steps: Generator<void, unknown>, signal: AbortSignal | undefined): Promise<unknown> => {
  for (;;) {
    await turn();
    signal?.throwIfAborted();
    const until = performance.now() + sliceMs;
    while (performance.now() < until) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }
};

const decodeError = (cause: unknown, bytes: Uint8Array, what: string): InvokeError =>
  new InvokeError(
    "serialization_error",
    `${what}: ${bytes.byteLength} bytes arrived intact but cannot be decoded: ${messageOf(cause)}. Run the same version of firelight on both sides.`,
    { phase: "decode", cause },
  );

/**
 * Creates a codec with its own superjson, so types that the host registers with the global one do not change the wire
 * format.
 *
 * @example
 * ```ts
 * const codec = makeCodec();
 * const bytes = codec.encode([{ at: new Date(), photo: new Uint8Array(3) }], "arguments of photos/resize");
 * codec.decode(bytes, "arguments of photos/resize");
 * ```
 */
export const makeCodec = (): Codec => {
  const superJson = makeSuperJson();
  return {
    encode: (value, what) => {
      try {
        const text = writeSuperJson(value);
        if (text !== undefined) return Buffer.from(text);
        requireSendable(value, what);
        return Buffer.from(writeShared(value) ?? superJson.stringify(value));
      } catch (cause) {
        if (isRefusal(cause)) throw cause;
        throw new InvokeError("serialization_error", `${what}: could not be encoded (${messageOf(cause)}).`, {
          phase: "encode",
          cause,
        });
      }
    },
    decode: (bytes, what) => {
      try {
        return readEnvelope(bytes);
      } catch (cause) {
        throw decodeError(cause, bytes, what);
      }
    },
    isQuickToDecode: isQuickToRead,
    decodeInSlices: async (bytes, what, signal) => {
      try {
        return await inSlices(envelopeSteps(bytes), signal);
      } catch (cause) {
        if (signal?.aborted === true) throw signal.reason;
        throw decodeError(cause, bytes, what);
      }
    },
  };
};
