/**
 * Checks options against one schema per options object. A schema names every field of the object's TypeScript
 * interface; a missing or additional field or a different type does not compile.
 *
 * It does not use effect's Schema, which adds about 70 ms to the import of the package and whose messages name neither
 * the value nor the allowed values.
 *
 * Reading returns a copy with only the checked fields, so later changes of the given object have no effect. Each field
 * is read once by name, so objects without a prototype, class instances and getters work.
 */
import { ConfigError } from "../errors.ts";
import { nearestName } from "./nearest-name.ts";
import { printKind, printName, printValue } from "./print-value.ts";

/** Why a value is invalid: `path` leads to the invalid part, `problem` follows it in the message. */
export class OptionFault extends Error {
  readonly path: string;
  readonly problem: string;
  /** Whether the value has the right kind and one of its parts is invalid. */
  readonly inside: boolean;

  constructor(path: string, problem: string, cause?: unknown, inside = path !== "") {
    super(problem, cause === undefined ? undefined : { cause });
    this.path = path;
    this.problem = problem;
    this.inside = inside;
  }
}

/** A check of a value. `Needed` is true for required fields. */
export interface Check<in out Value, Needed extends boolean = false> {
  readonly needed: Needed;
  /** The allowed values, as they follow "Use": `true or false`. */
  readonly allowed: string;
  /** Returns the value to use. Throws an {@link OptionFault}. */
  read(value: unknown): Value;
}

/** Any check. */
interface AnyCheck {
  readonly needed: boolean;
  readonly allowed: string;
  read(value: unknown): unknown;
}

/** The checks of an options object: one for each field of its interface. */
export type Fields<Options> = {
  readonly [Key in keyof Options]-?: Check<
    Exclude<Options[Key], undefined>,
    undefined extends Options[Key] ? false : true
  >;
};

/** `a`, `a and b`, `a, b and c`. */
export const inWords = (parts: ReadonlyArray<string>, joint: "and" | "or"): string =>
  parts.length < 2 ? parts.join() : `${parts.slice(0, -1).join(", ")} ${joint} ${parts.at(-1)}`;

/** The check of an options object. */
export interface ObjectCheck<in out Options> extends Check<Options> {
  readonly fields: Fields<Options>;
}

/** Additional messages for an options object. */
export interface ObjectAdvice {
  /** Follows "Use" if the value is not an object. Default: "an object with" and its fields. */
  readonly allowed?: string;
  /** Advice for names that belong elsewhere: a sentence for each. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** Never prints a value that is not an object. */
  readonly secret?: boolean;
}

/** Creates a check from `read`. */
export const check = <Value>(allowed: string, read: (value: unknown) => Value): Check<Value> => ({
  needed: false,
  allowed,
  read,
});

/** Makes a check required. */
export const required = <Value>({ allowed, read }: Check<Value>): Check<Value, true> => ({
  needed: true,
  allowed,
  read,
});

/** Creates the fault of an invalid value. Values of secrets are not printed. */
export const notAllowed = (value: unknown, allowed: string, secret = false): OptionFault =>
  new OptionFault("", `is ${secret ? printKind(value) : printValue(value)}. Use ${allowed}.`);

/** Moves a fault to a part of a value. Other errors were thrown by the user's value. */
export const faultIn = (part: string, thrown: unknown): OptionFault => {
  if (!(thrown instanceof OptionFault))
    return new OptionFault(part, "cannot be read: reading it threw an error.", thrown);
  const { path, problem, cause } = thrown;
  return new OptionFault(path === "" || path.startsWith("[") ? part + path : `${part}.${path}`, problem, cause);
};

/** Whether an object has only its own properties: an object literal, or one without a prototype. */
const isLiteral = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** Built-in objects whose content is not in properties; they are never options objects. */
const notOptions: ReadonlyArray<new (...args: never) => object> = [Map, Set, Promise, Date, RegExp, URL, Error];

/** Whether a value may be an object of named fields, with any prototype. */
export const isOptions = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  (isLiteral(value) || !(ArrayBuffer.isView(value) || notOptions.some((type) => value instanceof type)));

const unknownField = (name: string, names: ReadonlyArray<string>, elsewhere: string | undefined): OptionFault => {
  if (elsewhere !== undefined) return new OptionFault("", elsewhere);
  const near = nearestName(name, names);
  const advice = near === undefined ? `The options are ${names.join(", ")}.` : `Did you mean ${near}?`;
  return new OptionFault("", `is not an option. ${advice}`);
};

const own = (record: Readonly<Record<string, string>> | undefined, name: string): string | undefined =>
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;

/** Checks an options object field by field; unknown fields are rejected. */
export const object = <Options>(fields: Fields<Options>, advice: ObjectAdvice = {}): ObjectCheck<Options> => {
  const checks: ReadonlyMap<string, AnyCheck> = new Map(Object.entries(fields as Readonly<Record<string, AnyCheck>>));
  const names = [...checks.keys()];
  const needed = names.filter((name) => checks.get(name)?.needed);
  const shown = names.length > 4 ? [...names.slice(0, 3), "others"] : names;
  const allowed = advice.allowed ?? `an object with ${inWords(shown, "and")}`;

  const readField = (name: string, given: unknown, copy: Record<string, unknown>): void => {
    if (given !== undefined) copy[name] = checks.get(name)?.read(given);
  };

  const read = (value: unknown): Options => {
    if (!isOptions(value)) throw notAllowed(value, allowed, advice.secret);
    const copy: Record<string, unknown> = {};
    let name = "";
    try {
      const literal = isLiteral(value);
      for (name in value) {
        if (checks.has(name)) {
          if (literal) readField(name, value[name], copy);
        } else if (!(name in Object.prototype) || Object.hasOwn(value, name)) {
          throw unknownField(name, names, own(advice.elsewhere, name));
        }
      }
      if (!literal) for (name of names) readField(name, value[name], copy);
      for (name of needed) {
        if (copy[name] === undefined) throw new OptionFault("", `is missing. Use ${checks.get(name)?.allowed}.`);
      }
      return copy as Options;
    } catch (thrown) {
      throw faultIn(name === "" ? name : printName(name), thrown);
    }
  };
  return { needed: false, allowed, read, fields };
};

const configError = (where: string, subject: string, { problem, cause }: OptionFault): ConfigError =>
  new ConfigError(`${where === "" ? "" : `${where}: `}${subject} ${problem}`, cause === undefined ? {} : { cause });

/**
 * Returns a checked copy of a user's options.
 *
 * @param where precedes the field in the error, such as `billing/charge.with`; "" for nothing
 * @param name what the error calls the value itself
 * @throws {ConfigError} naming the field, its value and the allowed values
 */
export const readOption = <Value>(schema: Check<Value>, value: unknown, where: string, name = "options"): Value => {
  try {
    return schema.read(value);
  } catch (thrown) {
    const fault = thrown instanceof OptionFault ? thrown : faultIn("", thrown);
    throw configError(where, fault.path === "" ? name : fault.path, fault);
  }
};

/** Does the same for a part of the configuration: `path` leads to it, such as `pools.gpu`. */
export const readPart = <Value>(schema: Check<Value>, value: unknown, path: string): Value => {
  try {
    return schema.read(value);
  } catch (thrown) {
    const fault = faultIn(path, thrown);
    throw configError("", fault.path, fault);
  }
};
