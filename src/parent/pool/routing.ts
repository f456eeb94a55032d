/** Which runner of a pool gets the next call. */
import type { TerminationReason } from "../../telemetry/telemetry.ts";

/**
 * `suspect`: a connection to it failed and a probe is under way. `ejected`: it does not answer. Both get no work
 * while any other runner is ready.
 */
export type RunnerPhase = "booting" | "ready" | "suspect" | "ejected" | "draining";

/** A runner as the pool knows it. */
export interface RunnerRecord {
  readonly id: string;
  phase: RunnerPhase;
  /** Leases held now. */
  used: number;
  /** Leases granted so far. */
  served: number;
  /** Order of the latest grant; the least recently used of equally loaded runners is chosen. */
  lastGrant: number;
  /** Why it is being drained. */
  drainReason: TerminationReason | undefined;
}

/** What a choice has to heed. */
export interface RoutingWish {
  /** A runner to avoid if there is a choice. */
  readonly avoid: string | undefined;
  /** Where no runner is ready, choose one that does not answer: trying is better than giving up. */
  readonly insist: boolean;
}

/** The least loaded of the runners in these phases that has a free slot; among equals, the least recently used. */
const leastLoaded = (
  runners: ReadonlyMap<string, RunnerRecord>,
  slots: number,
  avoid: string | undefined,
  answering: boolean,
): RunnerRecord | undefined => {
  let best: RunnerRecord | undefined;
  for (const runner of runners.values()) {
    const { phase, used } = runner;
    const eligible = answering ? phase === "ready" : phase === "suspect" || phase === "ejected";
    if (!eligible || used >= slots || runner.id === avoid) continue;
    if (best === undefined || used < best.used || (used === best.used && runner.lastGrant < best.lastGrant)) best = runner;
  }
  return best;
};

const anyReady = (runners: ReadonlyMap<string, RunnerRecord>): boolean => {
  for (const runner of runners.values()) if (runner.phase === "ready") return true;
  return false;
};

/** The runner with a free slot that the next call should have, if there is one. */
export const chooseRunner = (
  runners: ReadonlyMap<string, RunnerRecord>,
  slots: number,
  { avoid, insist }: RoutingWish,
): RunnerRecord | undefined => {
  const ready =
    leastLoaded(runners, slots, avoid, true) ?? (avoid === undefined ? undefined : leastLoaded(runners, slots, undefined, true));
  if (ready !== undefined || !insist || anyReady(runners)) return ready;
  return leastLoaded(runners, slots, undefined, false);
};
