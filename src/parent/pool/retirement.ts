/** Which runners of a pool have outlived their use, and why. Pure. */
import type { PoolBounds } from "../../contract/pool-bounds.ts";
import type { RunnerRecord } from "./routing.ts";

/** A runner that should go: it drains for too long, is too old, or has been idle for long and is not needed. */
export interface Overdue {
  readonly runner: RunnerRecord;
  readonly why: "drain_timeout" | "old" | "idle";
}

/** A predicate that throws keeps the runner. */
const isIdleEnough = (runner: RunnerRecord, { idleShutdownMs }: PoolBounds, now: number): boolean => {
  const idleMs = now - runner.idleSince;
  if (typeof idleShutdownMs === "number") return idleMs >= idleShutdownMs;
  try {
    return idleShutdownMs({ id: runner.id, idleMs, ageMs: now - runner.readySince, served: runner.served });
  } catch {
    return false;
  }
};

/** The overdue runners; of the idle ones only as many as leave `floor` ready, those first that were idle longest. */
export const overdue = (
  runners: ReadonlyMap<string, RunnerRecord>,
  bounds: PoolBounds,
  floor: number,
  asleep: boolean,
  now: number,
): ReadonlyArray<Overdue> => {
  const found: Array<Overdue> = [];
  const idle: Array<RunnerRecord> = [];
  let ready = 0;
  for (const runner of runners.values()) {
    if (runner.phase === "draining" && now - runner.drainSince >= bounds.drainTimeoutMs)
      found.push({ runner, why: "drain_timeout" });
    if (runner.phase !== "ready") continue;
    if (now - runner.readySince >= bounds.maxAgeMs) {
      found.push({ runner, why: "old" });
      continue;
    }
    ready++;
    if (runner.used === 0 && (asleep || isIdleEnough(runner, bounds, now))) idle.push(runner);
  }
  idle.sort((left, right) => left.idleSince - right.idleSince);
  for (const runner of idle.slice(0, Math.max(0, ready - floor))) found.push({ runner, why: "idle" });
  return found;
};
