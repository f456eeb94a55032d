/** Looks into JSON of which nobody has promised anything. */
import { isObject } from "../contract/codec/limits.ts";

export { isObject };

/** A list, or an empty one where there is none. */
export const getArray = (owner: unknown, ...names: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  if (!isObject(owner)) return [];
  for (const name of names) {
    const value = owner[name];
    if (Array.isArray(value)) return value as ReadonlyArray<unknown>;
  }
  return [];
};

/** Whatever a field holds. */
export const getField = (owner: unknown, name: string): unknown => (isObject(owner) ? owner[name] : undefined);

/** A text that is not empty. */
export const getString = (owner: unknown, name: string): string | undefined => {
  const value = getField(owner, name);
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** A number, also one that is written as text because JSON's have too few digits. */
export const numberIn = (owner: unknown, name: string): number | undefined => {
  const value = getField(owner, name);
  if (value === undefined || value === null || value === "") return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
};

/**
 * An id of so many bytes in lower-case hex: OTLP's JSON writes ids in hex, the JSON of protobuf in base64, and Jaeger
 * may leave out zeros at the start. `undefined` for what is none, and for an id of zeros.
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
