/** Which runner of a pool gets the next call. */
import type { TerminationReason } from "../../../telemetry/telemetry.ts";
import type { RunnerPreference } from "./events.ts";

/**
 * `suspect`: it failed a caller and a probe is under way. `ejected`: it does not answer. Both get no work while any
 * other runner has room, and then only in a panic.
 */
export type RunnerPhase = "booting" | "ready" | "suspect" | "ejected" | "draining";

/** A runner as the pool knows it. Times are the pool's clock, in milliseconds. */
export interface RunnerRecord {
  readonly id: string;
  phase: RunnerPhase;
  /** Leases held now. */
  used: number;
  /** Leases granted so far. */
  served: number;
  /** Order of the latest grant; the least recently used of equally loaded runners is chosen. */
  lastGrant: number;
  /** Since when it has been up. */
  readySince: number;
  /** Since when it has held no lease. */
  idleSince: number;
  /** Since when it has been draining, and why. */
  drainSince: number;
  drainReason: TerminationReason | undefined;
  /** Whether it said that it stops: it ends by itself, and nobody ends it before its time. */
  leaving: boolean;
  /** Probes in a row that it left without an answer. */
  probeFailures: number;
  /** Whether the pool can do without it: it gets calls only where no other has room, until it is idle and ends. */
  spared: boolean;
}

/** How a pool routes. */
export interface Routing {
  readonly slots: number;
  readonly order: "spread" | "pack";
  /** Where no runner that answers has room, choose one that does not: trying is better than waiting. */
  readonly insist: boolean;
}

type Runners = ReadonlyMap<string, RunnerRecord>;

const isBetter = (candidate: RunnerRecord, best: RunnerRecord, order: "spread" | "pack"): boolean => {
  if (candidate.spared !== best.spared) return best.spared;
  if (candidate.used !== best.used) return order === "spread" ? candidate.used < best.used : candidate.used > best.used;
  return order === "spread" ? candidate.lastGrant < best.lastGrant : candidate.lastGrant > best.lastGrant;
};

/** The best of the runners in these phases that has a free slot. */
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

/** A hash of two strings that is spread well over 32 bits (FNV-1a with a final mix). */
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
 * The runner that a key belongs to, by rendezvous hashing: a runner that comes or goes moves only the keys that it
 * gets or had. `undefined` when that runner has no room, so that the call goes wherever there is some.
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

/** The runner with a free slot that the next call should have, if there is one. */
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
