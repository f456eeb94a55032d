/** Which drills are run. */
import type { Drill } from "./drill.ts";
import { holdMs } from "./drill-run.ts";
import { drills } from "./drills/drills.ts";

/** Alerts that need not be true for longer than this belong to the short set. */
const shortHoldMs = 2 * 60_000;

/**
 * The drills of these names, or all; of those, with `short`, the ones whose alert fires within minutes.
 *
 * @throws when there is no drill of a name.
 */
export const chooseDrills = (names: ReadonlyArray<string>, short: boolean): ReadonlyArray<Drill> => {
  const unknown = names.filter((name) => !drills.some((drill) => drill.name === name));
  if (unknown.length > 0)
    throw new Error(`There is no drill ${unknown.join(", ")}. There are ${drills.map(({ name }) => name).join(", ")}.`);
  const named = names.length === 0 ? drills : drills.filter(({ name }) => names.includes(name));
  return short ? named.filter((drill) => holdMs(drill) <= shortHoldMs) : named;
};
