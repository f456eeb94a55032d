/** Builds one value from its annotation and its JSON, and checks that they match. */
import { isForbiddenKey, MAX_BIGINT_DIGITS, MAX_MEMBERS, MAX_URL_LENGTH, isObject } from "./limits.ts";
import { isoTime } from "./iso-date.ts";
import { customType, fromBase64, typedArrays } from "./custom-types.ts";

const misfit = (type: string): never => {
  throw new TypeError(`it has a value annotated as ${type} that is not one`);
};

const bigintPattern = new RegExp(`^-?\\d{1,${MAX_BIGINT_DIGITS}}$`);
const datePattern = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const specialNumbers: ReadonlySet<unknown> = new Set(["NaN", "Infinity", "-Infinity", "-0"]);

const makeDate = (json: unknown): Date => {
  const time = typeof json === "string" ? isoTime(json) : NaN;
  if (!Number.isNaN(time)) return new Date(time);
  const date = typeof json === "string" && datePattern.test(json) ? new Date(json) : misfit("Date");
  return Number.isNaN(date.getTime()) ? misfit("Date") : date;
};

/** The members of a Set or Map, which are added without pauses. */
const membersOf = (json: unknown, type: "set" | "map"): ReadonlyArray<unknown> => {
  if (!Array.isArray(json)) return misfit(type);
  if (json.length > MAX_MEMBERS) throw new RangeError(`it has a ${type} of more than ${MAX_MEMBERS} members`);
  return json;
};

const makeMap = (json: unknown): Map<unknown, unknown> => {
  const map = new Map<unknown, unknown>();
  for (const entry of membersOf(json, "map")) {
    if (!Array.isArray(entry) || entry.length !== 2) return misfit("map");
    map.set(entry[0], entry[1]);
  }
  return map;
};

const makeError = (json: unknown, type: string): Error => {
  if (!isObject(json) || typeof json["name"] !== "string" || typeof json["message"] !== "string") return misfit(type);
  const error = Object.hasOwn(json, "cause")
    ? new Error(json["message"], { cause: json["cause"] })
    : new Error(json["message"]);
  const define = (key: string, value: unknown, enumerable: boolean): void => {
    Object.defineProperty(error, key, { value, enumerable, configurable: true, writable: true });
  };
  define("name", json["name"], false);
  define("stack", `${json["name"]}: ${json["message"]}`, false);
  if (type !== customType.error) return error;
  const data = json["data"];
  if (!isObject(data)) return misfit(type);
  for (const key of Object.keys(data)) {
    if (isForbiddenKey(key) || key === "name" || key === "message" || key === "cause" || key === "stack")
      return misfit(type);
    define(key, data[key], true);
  }
  return error;
};

const makeBytes = (json: unknown): Uint8Array<ArrayBuffer> =>
  (typeof json === "string" ? fromBase64(json) : undefined) ?? misfit(customType.bytes);

const makeBinary = (json: unknown): ArrayBuffer | ArrayBufferView => {
  if (!isObject(json) || typeof json["type"] !== "string") return misfit(customType.binary);
  const { buffer } = makeBytes(json["base64"]);
  if (json["type"] === "ArrayBuffer") return buffer;
  const TypedArray = typedArrays.get(json["type"]) ?? misfit(customType.binary);
  return new TypedArray(buffer);
};

const makeCustom = (name: unknown, json: unknown): unknown => {
  switch (name) {
    case customType.bytes:
      return makeBytes(json);
    case customType.binary:
      return makeBinary(json);
    case customType.error:
      return makeError(json, customType.error);
    default:
      throw new TypeError("it has an unknown custom type");
  }
};

/**
 * Builds the value for `type`, an annotation, and `json`.
 *
 * @throws {TypeError} if they do not match, or the type is not accepted
 */
export const makeValue = (type: unknown, json: unknown): unknown => {
  if (Array.isArray(type)) {
    if (type.length === 2 && type[0] === "custom") return makeCustom(type[1], json);
    throw new TypeError("it has a value of a parameterized type, which is not accepted");
  }
  switch (type) {
    case "undefined":
      return json === null ? undefined : misfit("undefined");
    case "bigint":
      return typeof json === "string" && bigintPattern.test(json) ? BigInt(json) : misfit("bigint");
    case "number":
      return specialNumbers.has(json) ? Number(json) : misfit("number");
    case "Date":
      return makeDate(json);
    case "set":
      return new Set<unknown>(membersOf(json, "set"));
    case "map":
      return makeMap(json);
    case "URL":
      return typeof json === "string" && json.length <= MAX_URL_LENGTH && URL.canParse(json)
        ? new URL(json)
        : misfit("URL");
    case "Error":
      return makeError(json, "Error");
    case "regexp":
      throw new TypeError("it has a regular expression, which is not allowed because a pattern can stall its receiver");
    default:
      throw new TypeError("it has a value of a type that is not accepted");
  }
};
