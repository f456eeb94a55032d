/** Chooses the runner of the next call. */
import type { TerminationReason } from "../../../telemetry/telemetry.ts";
import type { RunnerPreference } from "./events.ts";

/**
 * `suspect`: a call failed and a probe is in progress. `ejected`: it does not respond. Both get calls only in a panic,
 * when no other runner has a free slot.
 */
export type RunnerPhase = "booting" | "ready" | "suspect" | "ejected" | "draining";

/** The record of a runner. Times are of the pool's clock, in milliseconds. */
export interface RunnerRecord {
  readonly id: string;
  phase: RunnerPhase;
  /** Number of held leases. */
  used: number;
  /** Number of leases granted so far. */
  served: number;
  /** The number of the latest lease. Of equally loaded runners, the least recently used one is chosen. */
  lastGrant: number;
  /** When it became ready. */
  readySince: number;
  /** When it became idle. */
  idleSince: number;
  /** When it started to drain, and why. */
  drainSince: number;
  drainReason: TerminationReason | undefined;
  /** Whether it reported that it is stopping. It then exits by itself. */
  leaving: boolean;
  /** Probes in a row without a response. */
  probeFailures: number;
  /**
   * Whether the pool does not need it. It gets calls only if no other runner has a free slot, until it is idle and
   * terminated.
   */
  spared: boolean;
}

/** The routing of a pool. */
export interface Routing {
  readonly slots: number;
  readonly order: "spread" | "pack";
  /** If no responding runner has a free slot, choose one that does not respond. */
  readonly insist: boolean;
}

type Runners = ReadonlyMap<string, RunnerRecord>;

const isBetter = (candidate: RunnerRecord, best: RunnerRecord, order: "spread" | "pack"): boolean => {
  if (candidate.spared !== best.spared) return best.spared;
  if (candidate.used !== best.used) return order === "spread" ? candidate.used < best.used : candidate.used > best.used;
  return order === "spread" ? candidate.lastGrant < best.lastGrant : candidate.lastGrant > best.lastGrant;
};

/** The best runner with a free slot, among those that respond or those that do not. */
const best = (
  runners: Runners,
  { slots, order }: Routing,
  avoid: string | undefined,
  answering: boolean,
): RunnerRecord | undefined => {
  let chosen: RunnerRecord | undefined;
  for (const runner of runners.values()) {
    const eligible = answering ? runner.phase === "ready" : runner.phase === "suspect" || runner.phase === "ejected";
    if (!eligible || runner.used >= slots || runner.id === avoid) continue;
    if (chosen === undefined || isBetter(runner, chosen, order)) chosen = runner;
  }
  return chosen;
};

/** A 32-bit hash of two strings (FNV-1a with a final mix). */
const hash = (left: string, right: string): number => {
  let value = 0x811c9dc5;
  for (const text of [left, right]) {
    for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
    value = Math.imul(value ^ 0xff, 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
};

/**
 * The runner of a key, by rendezvous hashing: when a runner is added or removed, only its own keys move. `undefined` if
 * that runner has no free slot, so that the call goes to another one.
 */
const byAffinity = (runners: Runners, slots: number, key: string): RunnerRecord | undefined => {
  let owner: RunnerRecord | undefined;
  let highest = -1;
  for (const runner of runners.values()) {
    if (runner.phase !== "ready" || runner.spared) continue;
    const weight = hash(key, runner.id);
    if (weight > highest) {
      highest = weight;
      owner = runner;
    }
  }
  return owner !== undefined && owner.used < slots ? owner : undefined;
};

/** The runner for the next call; `undefined` if none has a free slot. */
export const chooseRunner = (
  runners: Runners,
  routing: Routing,
  { avoid, affinityKey }: RunnerPreference,
): RunnerRecord | undefined => {
  if (affinityKey !== undefined) {
    const owner = byAffinity(runners, routing.slots, affinityKey);
    if (owner !== undefined && owner.id !== avoid) return owner;
  }
  const ready =
    best(runners, routing, avoid, true) ?? (avoid === undefined ? undefined : best(runners, routing, undefined, true));
  if (ready !== undefined || !routing.insist) return ready;
  return best(runners, routing, avoid, false) ?? best(runners, routing, undefined, false);
};
