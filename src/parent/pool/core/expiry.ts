/** Decides which runners of a pool expire, and why. Pure. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import { catchRejection, returnedText, thrownText } from "../../../contract/user-function.ts";
import type { RunnerRecord } from "./routing.ts";

/**
 * Tracks how many runners a pool needs, and since when it has needed no more. An idle timer per runner does not work:
 * with `spread` routing, a trickle of calls resets the timers of all runners in turn.
 */
export class Need {
  #runners = 0;
  /** By number of runners: when that many were last needed. */
  readonly #until: Array<number> = [];

  /** Sets the number of runners needed from `now` on. The cost is proportional to the decrease. */
  set(runners: number, now: number): void {
    for (let count = runners + 1; count <= this.#runners; count++) this.#until[count] = now;
    this.#runners = runners;
  }

  /** Since when fewer than `count` runners are needed; `Infinity` while that many are. */
  unneededSince(count: number): number {
    return count <= this.#runners ? Infinity : (this.#until[count] ?? -Infinity);
  }
}

type Runners = ReadonlyMap<string, RunnerRecord>;

/** A runner that expires whatever the pool needs: it drains for too long, or is too old. */
export interface Overdue {
  readonly runner: RunnerRecord;
  readonly why: "drain_timeout" | "old";
}

export const expiredRunners = (
  runners: Runners,
  { drainTimeoutMs, maxAgeMs }: PoolBounds,
  now: number,
): ReadonlyArray<Overdue> => {
  const found: Array<Overdue> = [];
  for (const runner of runners.values()) {
    if (runner.phase === "draining" && now - runner.drainSince >= drainTimeoutMs)
      found.push({ runner, why: "drain_timeout" });
    if (runner.phase === "ready" && now - runner.readySince >= maxAgeMs) found.push({ runner, why: "old" });
  }
  return found;
};

/** How many runners a pool needs, now and recently. */
export interface Wanted {
  /** Runners that stay. */
  readonly floor: number;
  readonly need: Need;
  /** Whether all idle runners expire. */
  readonly asleep: boolean;
}

/** The runners that a pool does not need. */
export interface Surplus {
  /** Idle runners to terminate, longest idle first. */
  readonly ended: ReadonlyArray<{ readonly runner: RunnerRecord; readonly unneededMs: number }>;
  /** Runners that get no calls until they are idle. */
  readonly spared: ReadonlyArray<RunnerRecord>;
  /** How the user's `idleShutdownMs` failed. */
  readonly fault: string | undefined;
}

/** `true`, `false`, or how the user's function failed. */
const isEnough = (
  runner: RunnerRecord,
  unneededMs: number,
  { idleShutdownMs }: PoolBounds,
  now: number,
): boolean | string => {
  if (typeof idleShutdownMs === "number") return unneededMs >= idleShutdownMs;
  try {
    const { id, readySince, served } = runner;
    const given: unknown = idleShutdownMs({ id, idleMs: unneededMs, ageMs: now - readySince, served });
    catchRejection(given);
    return typeof given === "boolean" ? given : `returned ${returnedText(given)} instead of true or false`;
  } catch (error) {
    return `threw ${thrownText(error)}`;
  }
};

/** Sorts idle runners first, longest idle before others, then the busy ones by how soon they are idle. */
const dispensableFirst = (left: RunnerRecord, right: RunnerRecord): number =>
  left.used !== right.used
    ? left.used - right.used
    : left.used === 0
      ? left.idleSince - right.idleSince
      : left.lastGrant - right.lastGrant;

/**
 * The ready runners beyond `floor` that the pool has not needed for `idleShutdownMs`. What counts is how long that
 * number of runners was not needed, and not how long each runner was idle.
 */
export const surplus = (
  runners: Runners,
  bounds: PoolBounds,
  { floor, need, asleep }: Wanted,
  now: number,
): Surplus => {
  const ready = [...runners.values()].filter(({ phase }) => phase === "ready").sort(dispensableFirst);
  const ended: Array<{ runner: RunnerRecord; unneededMs: number }> = [];
  const spared: Array<RunnerRecord> = [];
  let fault: string | undefined;
  let left = ready.length;
  for (const runner of ready) {
    if (left <= floor) break;
    const unneededMs = now - Math.max(need.unneededSince(left), runner.readySince);
    if (unneededMs < 0) break;
    const enough = asleep || isEnough(runner, unneededMs, bounds, now);
    if (typeof enough === "string") fault ??= enough;
    if (enough !== true) continue;
    if (runner.used > 0) spared.push(runner);
    else ended.push({ runner, unneededMs });
    left--;
  }
  return { ended, spared, fault };
};
