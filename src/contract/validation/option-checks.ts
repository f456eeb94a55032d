/** The building blocks of option schemas, except for numbers. */
import { type Check, check, faultIn, inWords, isOptions, notAllowed, OptionFault } from "./option-schema.ts";
import { nearestName } from "./nearest-name.ts";
import { printText, printValue } from "./print-value.ts";

/** Checks for `true` or `false`; other truthy values are rejected. */
export const boolean = (): Check<boolean> =>
  check("true or false", (value) => {
    if (typeof value === "boolean") return value;
    throw notAllowed(value, "true or false");
  });

/** Checks for `false`, for features that can be turned off. */
export const no = (): Check<false> =>
  check("false", (value) => {
    if (value === false) return value;
    throw notAllowed(value, "false");
  });

/** Checks for one of several words. */
export const oneOf = <const Word extends string>(words: ReadonlyArray<Word>): Check<Word> => {
  const allowed = inWords(
    words.map((word) => `"${word}"`),
    "or",
  );
  const isWord = (value: unknown): value is Word => (words as ReadonlyArray<unknown>).includes(value);
  return check(allowed, (value) => {
    if (isWord(value)) return value;
    const near = typeof value === "string" ? nearestName(value, words) : undefined;
    if (near === undefined) throw notAllowed(value, allowed);
    throw new OptionFault("", `is ${printValue(value)}. Did you mean "${near}"? Use ${allowed}.`, undefined, true);
  });
};

/** The allowed strings. */
export interface TextRule {
  /** Describes them after "Use". Default: "a non-empty string". */
  readonly allowed?: string;
  /** Default: any non-empty string. */
  readonly pattern?: RegExp;
  /** Never prints the value. */
  readonly secret?: boolean;
}

/** Checks a string. */
export const text = ({ allowed = "a non-empty string", pattern = /[^]/, secret }: TextRule = {}): Check<string> =>
  check(allowed, (value) => {
    if (typeof value === "string" && pattern.test(value)) return value;
    throw notAllowed(value, allowed, secret);
  });

/** Checks a function. */
export const fn = <Fn extends (...args: never) => unknown>(what = "a function"): Check<Fn> =>
  check(what, (value) => {
    if (typeof value === "function") return value as Fn;
    throw notAllowed(value, what);
  });

const anyFunction = fn();
const anyText = text();

/** The optional members of an object with methods. */
export interface OptionalMembers<Type> {
  readonly methods?: ReadonlyArray<keyof Type & string>;
  /** Non-empty strings. */
  readonly texts?: ReadonlyArray<keyof Type & string>;
}

/** Checks an object with methods, such as a class instance. It is used as is and may have other members. */
export const having = <Type extends object>(
  what: string,
  methods: ReadonlyArray<keyof Type & string>,
  optional: OptionalMembers<Type> = {},
): Check<Type> =>
  check(what, (value) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) throw notAllowed(value, what);
    const members = value as Readonly<Record<string, unknown>>;
    const missing = methods.find((name) => typeof members[name] !== "function");
    if (missing !== undefined) {
      const calls = methods.map((name) => `${name}()`).join(", ");
      throw new OptionFault("", `has no ${missing}(). Use ${what} with ${calls}.`, undefined, true);
    }
    const checkOptional = <Member>(names: ReadonlyArray<string> = [], of: Check<Member>): void => {
      for (const name of names) {
        const member = members[name];
        if (member === undefined) continue;
        try {
          of.read(member);
        } catch (thrown) {
          throw faultIn(name, thrown);
        }
      }
    };
    checkOptional(optional.methods, anyFunction);
    checkOptional(optional.texts, anyText);
    return value as Type;
  });

/** Checks a file path or URL. */
export const fileLocation = (): Check<string | URL> =>
  check("a path or a file: URL", (value) => {
    if (value instanceof URL || (typeof value === "string" && value !== "")) return value;
    throw notAllowed(value, "a path or a file: URL");
  });

/** Checks an abort signal. Signals of other realms and of polyfills have the same shape. */
export const abortSignal = (): Check<AbortSignal> => {
  const allowed = "an AbortSignal, such as controller.signal or AbortSignal.timeout(1_000)";
  return check(allowed, (value) => {
    if (typeof value === "object" && value !== null) {
      const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
      const fits = typeof aborted === "boolean" && typeof addEventListener === "function";
      if (fits && typeof removeEventListener === "function") return value as AbortSignal;
    }
    throw notAllowed(value, allowed);
  });
};

/** Options for lists. */
export interface ListRule {
  /** Never prints a value that is not a list. */
  readonly secret?: boolean;
}

/** Checks a list and each of its items. */
export const list = <Item>(of: Check<Item>, rule: ListRule = {}): Check<ReadonlyArray<Item>> => {
  const allowed = `an array, each item ${of.allowed}`;
  return check(allowed, (value): ReadonlyArray<Item> => {
    if (!Array.isArray(value)) throw notAllowed(value, allowed, rule.secret);
    return Array.from(value as ReadonlyArray<unknown>, (item, index) => {
      try {
        return of.read(item);
      } catch (thrown) {
        throw faultIn(`[${index}]`, thrown);
      }
    });
  });
};

const partName = (name: string): string => (/^[\w$-]{1,64}$/.test(name) ? name : `[${printText(name)}]`);

/**
 * Checks an object's values, and its names with `names`; `undefined` values are dropped. `secret` never prints a value
 * that is not an object.
 */
export const record = <Value>(
  of: Check<Value>,
  rule: ListRule & { readonly names?: TextRule } = {},
): Check<Readonly<Record<string, Value>>> => {
  const allowed = `an object, each value ${of.allowed}`;
  return check(allowed, (value) => {
    if (!isOptions(value)) throw notAllowed(value, allowed, rule.secret);
    const names = Object.keys(value).filter((name) => value[name] !== undefined);
    return Object.fromEntries(
      names.map((name) => {
        if (rule.names?.pattern?.test(name) === false)
          throw new OptionFault("", `has the name ${printText(name)}. Use ${rule.names.allowed}.`, undefined, true);
        try {
          return [name, of.read(value[name])];
        } catch (thrown) {
          throw faultIn(partName(name), thrown);
        }
      }),
    );
  });
};

/** Accepts what either check accepts. An error inside the value is reported as is. */
export const either = <One, Other>(one: Check<One>, other: Check<Other>): Check<One | Other> => {
  const allowed = `${one.allowed}, or ${other.allowed}`;
  return check(allowed, (value): One | Other => {
    for (const way of [one, other] as ReadonlyArray<Check<One> | Check<Other>>) {
      try {
        return way.read(value);
      } catch (thrown) {
        if (!(thrown instanceof OptionFault) || thrown.inside) throw thrown;
      }
    }
    throw notAllowed(value, allowed);
  });
};
