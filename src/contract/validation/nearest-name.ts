/** Finds the intended name for "Did you mean". */

/** Longer names are not treated as typos. */
const maxLength = 64;

/** Counts the added, omitted, replaced or swapped letters. */
const editDistance = (left: string, right: string): number => {
  let before: Array<number> = [];
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let distance = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1));
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (swapped) distance = Math.min(distance, before[column - 2]! + 1);
      current.push(distance);
    }
    before = previous;
    previous = current;
  }
  return previous[right.length]!;
};

/**
 * Returns the closest of `names` to `given`; `undefined` if none is close. One letter or a third of the letters may
 * differ. Case is ignored, and a name that contains the other one is close too, like `timeout` and `timeoutMs`.
 */
export const nearestName = (given: string, names: ReadonlyArray<string>): string | undefined => {
  if (given.length > maxLength) return undefined;
  const wanted = given.toLowerCase();
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(wanted, name.toLowerCase());
    if (distance < least) [nearest, least] = [name, distance];
  }
  if (nearest !== undefined || wanted.length < 3) return nearest;
  return names.find((name) => name.toLowerCase().includes(wanted) || wanted.includes(name.toLowerCase()));
};
