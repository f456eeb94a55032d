/** What can be made to go wrong: the shares of calls that meet each fault, and how many calls there are. */

/** How a handler misbehaves, on request. */
export type Fault = "fails" | "flaky" | "slow" | "hangs" | "crashes";

export const faultNames: ReadonlyArray<Fault> = ["fails", "flaky", "slow", "hangs", "crashes"];

/** What the load generator does: calls a second, and of them the share, from 0 to 1, that meets each fault. */
export interface LoadPlan extends Readonly<Record<Fault, number>> {
  readonly callsPerSecond: number;
}

/** A service with a quiet day: something fails now and then. */
export const quietDay: LoadPlan = { callsPerSecond: 10, fails: 0.01, flaky: 0.02, slow: 0.01, hangs: 0, crashes: 0 };

const isShare = (value: unknown): value is number => typeof value === "number" && value >= 0 && value <= 1;

/**
 * Returns the plan with changes, such as `{ "slow": 0.5, "callsPerSecond": 50 }`.
 *
 * @throws for an invalid change, with a message for the client
 */
export const changePlan = (plan: LoadPlan, changes: unknown): LoadPlan => {
  if (typeof changes !== "object" || changes === null) throw new Error(`Send JSON such as {"slow": 0.2}.`);
  const changed: Record<string, number> = { ...plan };
  for (const [name, value] of Object.entries(changes as Record<string, unknown>)) {
    if (name === "callsPerSecond") {
      if (typeof value !== "number" || !(value >= 0 && value <= 1000)) throw new Error("callsPerSecond is 0 to 1000.");
    } else if (!faultNames.includes(name as Fault)) {
      throw new Error(`There is no fault "${name}". There are ${faultNames.join(", ")}.`);
    } else if (!isShare(value)) throw new Error(`${name} is the share of calls, from 0 to 1.`);
    changed[name] = value;
  }
  return changed as unknown as LoadPlan;
};

/** The fault of one call, by chance from 0 to 1. */
export const drawFault = (plan: LoadPlan, chance: number): Fault | undefined => {
  let upTo = 0;
  return faultNames.find((fault) => chance < (upTo += plan[fault]));
};
