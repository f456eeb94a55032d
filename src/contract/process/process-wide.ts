/**
 * State that all copies of this package in a process have in common: one in a bundle and one in `node_modules`, or two
 * versions that two dependencies brought. Its shape must stay readable for other versions.
 */

/** The value under a name, made by the copy that asks first. */
export const processWide = <Value>(name: string, make: () => Value): Value => {
  const scope = globalThis as Record<symbol, unknown>;
  return (scope[Symbol.for(`firelight/${name}`)] ??= make()) as Value;
};
