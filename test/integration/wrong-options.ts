/** Values that options of each kind must not take, as a program in JavaScript may give them. */

/** A function. */
export const nothing = (): void => {};

/** What is wrong for nearly every option. */
const alien: ReadonlyArray<unknown> = [null, Number.NaN, 5n, Symbol("s"), new Map(), Promise.resolve(1)];

const numeric: ReadonlyArray<unknown> = [...alien, "5", "", true, {}, [5], nothing, -Infinity];

/** The wrong values of each kind of option. */
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
  /** One of some words, none of which is "no such word". */
  word: [...alien, "", "no such word", 0, true, {}, [], nothing],
  function: [...alien, "", "function", 1, true, {}, []],
  /** A string or a URL that names a file. */
  file: [...alien, "", 5, true, {}, ["a"], nothing],
  /** An options object. */
  object: [...alien, "", "text", 5, true, [], nothing, new Date(), new URL("http://127.0.0.1")],
  /** An object of strings. */
  texts: [...alien, "", "text", 5, true, [], nothing, { a: 5 }, { a: null }, { a: {} }],
  /** A list of rising numbers. */
  bounds: [...alien, "", "text", 5, true, {}, nothing, [null], [{}], ["1"], [0], [2, 1], new Set([1])],
  list: [...alien, "", "text", 5, true, {}, nothing, [null], [5], [{}], new Set(["a"])],
  /** An object with methods. */
  methods: [...alien, "", "text", 5, true, {}, [], { unknown: nothing }],
} as const satisfies Readonly<Record<string, ReadonlyArray<unknown>>>;

/** A kind of option. */
export type Kind = keyof typeof wrongValues;

/** What is wrong with an option: its kind's values and others. */
export interface Wrong {
  readonly values: ReadonlyArray<unknown>;
  /** A value that is right. */
  readonly right: unknown;
}

/** The wrong values of a kind and others, without those that the option takes. */
export const wrong = (
  kind: Kind,
  right: unknown,
  { also = [], but = [] }: { readonly also?: ReadonlyArray<unknown>; readonly but?: ReadonlyArray<unknown> } = {},
): Wrong => {
  const values: ReadonlyArray<unknown> = [...wrongValues[kind], ...also];
  return { values: values.filter((value) => !but.some((taken) => Object.is(taken, value))), right };
};

/** Wrong values for each field of an options object: a field without any does not compile. */
export type WrongFields<Options> = { readonly [Field in keyof Options]-?: Wrong };

/** A name that somebody may have meant another one with. */
export const misspell = (name: string): string => `${name.slice(0, -1)}${name.at(-1) === "z" ? "y" : "z"}`;
