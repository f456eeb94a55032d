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

const leastLoaded = (
  runners: Iterable<RunnerRecord>,
  slots: number,
  eligible: (runner: RunnerRecord) => boolean,
): RunnerRecord | undefined => {
  let best: RunnerRecord | undefined;
  for (const runner of runners) {
    if (runner.used >= slots || !eligible(runner)) continue;
    if (best === undefined || runner.used < best.used || (runner.used === best.used && runner.lastGrant < best.lastGrant)) best = runner;
  }
  return best;
};

/** The least loaded runner with a free slot; among equals, the least recently used. */
export const chooseRunner = (
  runners: ReadonlyMap<string, RunnerRecord>,
  slots: number,
  { avoid, insist }: RoutingWish,
): RunnerRecord | undefined => {
  const all = [...runners.values()];
  const ready =
    leastLoaded(all, slots, (runner) => runner.phase === "ready" && runner.id !== avoid) ??
    (avoid === undefined ? undefined : leastLoaded(all, slots, (runner) => runner.phase === "ready"));
  if (ready !== undefined || !insist || all.some((runner) => runner.phase === "ready")) return ready;
  return leastLoaded(all, slots, (runner) => runner.phase === "suspect" || runner.phase === "ejected");
};
