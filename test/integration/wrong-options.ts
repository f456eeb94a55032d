/** Invalid values for each kind of option, as a JavaScript program could pass them. */

/** A function. */
export const nothing = (): void => {};

/** Values that nearly every option rejects. */
const alien: ReadonlyArray<unknown> = [null, Number.NaN, 5n, Symbol("s"), new Map(), Promise.resolve(1)];

const numeric: ReadonlyArray<unknown> = [...alien, "5", "", true, {}, [5], nothing, -Infinity];

/** Invalid values by kind of option. */
export const wrongValues = {
  boolean: [...alien, "false", "true", "", 0, 1, {}, [], nothing],
  /** Whole and not negative. */
  integer: [...numeric, -1, 1.5, Infinity],
  /** Not negative, and finite. */
  number: [...numeric, -1, Infinity],
  /** Not negative, and may be `Infinity`. */
  endless: [...numeric, -1],
  /** A string that is not empty. */
  text: [...alien, "", 5, true, {}, ["a"], nothing, new URL("http://127.0.0.1")],
  /** A value of an enumeration. */
  word: [...alien, "", "no such word", 0, true, {}, [], nothing],
  function: [...alien, "", "function", 1, true, {}, []],
  /** A string or a URL that names a file. */
  file: [...alien, "", 5, true, {}, ["a"], nothing],
  /** An options object. */
  object: [...alien, "", "text", 5, true, [], nothing, new Date(), new URL("http://127.0.0.1")],
  /** An object of strings. */
  texts: [...alien, "", "text", 5, true, [], nothing, { a: 5 }, { a: null }, { a: {} }],
  /** A list of ascending numbers. */
  bounds: [...alien, "", "text", 5, true, {}, nothing, [null], [{}], ["1"], [0], [2, 1], new Set([1])],
  list: [...alien, "", "text", 5, true, {}, nothing, [null], [5], [{}], new Set(["a"])],
  /** An object with methods. */
  methods: [...alien, "", "text", 5, true, {}, [], { unknown: nothing }],
} as const satisfies Readonly<Record<string, ReadonlyArray<unknown>>>;

/** A kind of option. */
export type Kind = keyof typeof wrongValues;

/** Invalid values of an option, and a valid one. */
export interface Wrong {
  readonly values: ReadonlyArray<unknown>;
  /** A valid value. */
  readonly right: unknown;
}

/** The invalid values of a kind and those in `also`, without those in `but`. */
export const wrong = (
  kind: Kind,
  right: unknown,
  { also = [], but = [] }: { readonly also?: ReadonlyArray<unknown>; readonly but?: ReadonlyArray<unknown> } = {},
): Wrong => {
  const values: ReadonlyArray<unknown> = [...wrongValues[kind], ...also];
  return { values: values.filter((value) => !but.some((taken) => Object.is(taken, value))), right };
};

/** Invalid values for each field of an options object. A missing field does not compile. */
export type WrongFields<Options> = { readonly [Field in keyof Options]-?: Wrong };

/** A misspelling of a name. */
export const misspell = (name: string): string => `${name.slice(0, -1)}${name.at(-1) === "z" ? "y" : "z"}`;
