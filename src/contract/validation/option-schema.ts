/**
 * Checks options against one declaration of each options object. A schema names every field of the object's TypeScript interface,
 * so that one that misses a field, has one too many or takes another type does not compile.
 *
 * A table of our own, because effect's Schema adds some 70 ms to the import of the package, and its messages name neither
 * the value nor what is allowed.
 *
 * Reading gives a copy that has only what was checked, so nothing that happens to the given object later has an effect. Fields are
 * read by their names, each once: objects without a prototype, instances of classes and getters are fine.
 */
import { ConfigError } from "../errors.ts";
import { nearestName } from "./nearest-name.ts";
import { printKind, printName, printValue } from "./print-value.ts";

/** Why a value cannot be taken: `path` leads to the part that is wrong, `problem` follows it. */
export class OptionFault extends Error {
  readonly path: string;
  readonly problem: string;
  /** Whether the value is of the right kind, and a part of it is wrong. */
  readonly inside: boolean;

  constructor(path: string, problem: string, cause?: unknown, inside = path !== "") {
    super(problem, cause === undefined ? undefined : { cause });
    this.path = path;
    this.problem = problem;
    this.inside = inside;
  }
}

/** What a value must be. `Needed` is true for a field that cannot be left out. */
export interface Check<in out Value, Needed extends boolean = false> {
  readonly needed: Needed;
  /** What is allowed, as it follows "Use": `true or false`. */
  readonly allowed: string;
  /** Gives what is to be used in place of the value. Throws an {@link OptionFault}. */
  read(value: unknown): Value;
}

/** A check of whatever. */
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

/** What more there is to say about an options object. */
export interface ObjectAdvice {
  /** Follows "Use" where something else stands in place of the object. Default: "an object with" and its fields. */
  readonly allowed?: string;
  /** What to do about names that are no fields of this object, and that people look for here: a sentence for each. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** Never prints what stands in place of the object. */
  readonly secret?: boolean;
}

/** A check that takes what `read` takes. */
export const check = <Value>(allowed: string, read: (value: unknown) => Value): Check<Value> => ({
  needed: false,
  allowed,
  read,
});

/** The same check for a field that cannot be left out. */
export const required = <Value>({ allowed, read }: Check<Value>): Check<Value, true> => ({
  needed: true,
  allowed,
  read,
});

/** The fault of a value that is not allowed. The values of secrets are not shown. */
export const notAllowed = (value: unknown, allowed: string, secret = false): OptionFault =>
  new OptionFault("", `is ${secret ? printKind(value) : printValue(value)}. Use ${allowed}.`);

/** The same fault, of a part of a value. What is not a fault was thrown by a value of the user's. */
export const faultIn = (part: string, thrown: unknown): OptionFault => {
  if (!(thrown instanceof OptionFault))
    return new OptionFault(part, "cannot be read: reading it threw an error.", thrown);
  const { path, problem, cause } = thrown;
  return new OptionFault(path === "" || path.startsWith("[") ? part + path : `${part}.${path}`, problem, cause);
};

/** Whether all that an object says are properties of its own: one from an object literal, or without a prototype. */
const isLiteral = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** Builtin objects whose content is not in their properties: an options object is none of them. */
const notOptions: ReadonlyArray<new (...args: never) => object> = [Map, Set, Promise, Date, RegExp, URL, Error];

/** Whether a value may be an object of named fields, whatever its prototype. */
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

/** An options object with a check for each field of its interface; other fields are refused. */
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
 * A checked copy of what a user gave.
 *
 * @param where stands before the field in the error, such as `billing/charge.with`; "" for nothing.
 * @param name what the value itself is called in the error.
 * @throws {ConfigError} naming the field, its value and what is allowed.
 */
export const readOption = <Value>(schema: Check<Value>, value: unknown, where: string, name = "options"): Value => {
  try {
    return schema.read(value);
  } catch (thrown) {
    const fault = thrown instanceof OptionFault ? thrown : faultIn("", thrown);
    throw configError(where, fault.path === "" ? name : fault.path, fault);
  }
};

/** The same for a part of the configuration: `path` leads to it, such as `pools.gpu`. */
export const readPart = <Value>(schema: Check<Value>, value: unknown, path: string): Value => {
  try {
    return schema.read(value);
  } catch (thrown) {
    const fault = faultIn(path, thrown);
    throw configError("", fault.path, fault);
  }
};
