/** Accesses JSON of unknown structure. */
import { isObject } from "../contract/codec/limits.ts";

export { isObject };

/** Returns the first field that is an array, otherwise an empty array. */
export const getArray = (owner: unknown, ...names: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  if (!isObject(owner)) return [];
  for (const name of names) {
    const value = owner[name];
    if (Array.isArray(value)) return value as ReadonlyArray<unknown>;
  }
  return [];
};

/** Returns the value of a field. */
export const getField = (owner: unknown, name: string): unknown => (isObject(owner) ? owner[name] : undefined);

/** Returns a field if it is a non-empty string. */
export const getString = (owner: unknown, name: string): string | undefined => {
  const value = getField(owner, name);
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** Returns a field as a number. Large numbers may be written as strings. */
export const numberIn = (owner: unknown, name: string): number | undefined => {
  const value = getField(owner, name);
  if (value === undefined || value === null || value === "") return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
};

/**
 * Returns an id of the given number of bytes in lowercase hex. OTLP's JSON uses hex, protobuf's JSON mapping base64,
 * and Jaeger may omit leading zeros. `undefined` for anything else and for an id of zeros.
 */
export const readId = (value: unknown, bytes: number): string | undefined => {
  if (typeof value !== "string" || value === "") return undefined;
  const hex =
    value.length <= 2 * bytes && /^[0-9a-f]+$/i.test(value)
      ? value.toLowerCase().padStart(2 * bytes, "0")
      : Buffer.from(value, "base64").toString("hex");
  return hex.length === 2 * bytes && /[^0]/.test(hex) ? hex : undefined;
};

export const traceIdBytes = 16;
export const spanIdBytes = 8;
