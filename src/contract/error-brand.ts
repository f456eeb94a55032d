/**
 * How `instanceof` works across copies of this package: each error class has a brand on its prototype that is the same
 * in every copy. Classes that users derive from them keep their prototypes' meaning.
 */

const kinds: WeakMap<Function, { readonly name: string; readonly brand: symbol }> = new WeakMap();

/** Brands a class. The name is given, because a minifier shortens that of the class. */
export const brandAs = (kind: Function & { readonly prototype: object }, name: string): void => {
  const brand = Symbol.for(`firelight/${name}`);
  kinds.set(kind, { name, brand });
  Object.defineProperty(kind.prototype, brand, { value: true });
};

/** What an error of a class is called. */
export const nameOf = (kind: Function): string => kinds.get(kind)?.name ?? kind.name;

/** Whether a value is of a class: of any copy's where it is branded, by its prototype otherwise. Never throws. */
export const isOf = (kind: Function, value: unknown): boolean => {
  const brand = kinds.get(kind)?.brand;
  try {
    if (brand === undefined) return Function.prototype[Symbol.hasInstance].call(kind, value);
    return typeof value === "object" && value !== null && brand in value;
  } catch {
    return false;
  }
};
