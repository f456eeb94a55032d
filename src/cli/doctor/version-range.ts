/** Compares versions with ranges of the form `>=1.9.0 <2`, as used in package manifests. */

/** Returns major, minor and patch; missing parts are zero. */
const numbersOf = (version: string): ReadonlyArray<number> =>
  (/\d+(?:\.\d+){0,2}/.exec(version)?.[0] ?? "0").split(".").map(Number);

/** Returns a negative number if `left` is older. Ignores pre-release tags. */
export const compareVersions = (left: string, right: string): number => {
  const [one, other] = [numbersOf(left), numbersOf(right)];
  for (let position = 0; position < 3; position++) {
    const difference = (one[position] ?? 0) - (other[position] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
};

/** Whether a version is within every bound of a range; `*` has none. */
export const isInRange = (version: string, range: string): boolean =>
  range === "*" ||
  range.split(/\s+/).every((bound) => {
    const [, operator, limit = "0"] = /^(>=|<)?(.*)$/.exec(bound) ?? [];
    const difference = compareVersions(version, limit);
    return operator === "<" ? difference < 0 : operator === ">=" ? difference >= 0 : difference === 0;
  });
