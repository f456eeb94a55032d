/** Which runners of a pool have outlived their use, and why. Pure. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import { catchRejection, returnedText, thrownText } from "../../../contract/user-function.ts";
import type { RunnerRecord } from "./routing.ts";

/**
 * How many runners a pool has needed, and since when it has needed no more. An idle timer per runner cannot tell: with
 * `spread` routing, a trickle of calls resets the timer of one runner after the other.
 */
export class Need {
  #runners = 0;
  /** By number of runners: when so many were needed last. */
  readonly #until: Array<number> = [];

  /** So many runners are needed from `now` on. Costs as much as the number fell. */
  set(runners: number, now: number): void {
    for (let count = runners + 1; count <= this.#runners; count++) this.#until[count] = now;
    this.#runners = runners;
  }

  /** Since when fewer than `count` runners are needed; `Infinity` while so many are. */
  unneededSince(count: number): number {
    return count <= this.#runners ? Infinity : (this.#until[count] ?? -Infinity);
  }
}

type Runners = ReadonlyMap<string, RunnerRecord>;

/** A runner that should go, however much the pool needs: it drains for too long, or is too old. */
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

/** How many runners a pool wants, now and lately. */
export interface Wanted {
  /** Runners that stay. */
  readonly floor: number;
  readonly need: Need;
  /** Whether all idle ones go. */
  readonly asleep: boolean;
}

/** What a pool can do without. */
export interface Surplus {
  /** Runners to end: idle, and those first that were idle longest. */
  readonly ended: ReadonlyArray<{ readonly runner: RunnerRecord; readonly unneededMs: number }>;
  /** Runners to be spared from calls until they are idle. */
  readonly spared: ReadonlyArray<RunnerRecord>;
  /** What the user's `idleShutdownMs` did in place of answering. */
  readonly fault: string | undefined;
}

/** `true`, `false`, or what the user's function did in place of answering. */
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
    return typeof given === "boolean" ? given : `returned ${returnedText(given)}, not true or false`;
  } catch (error) {
    return `threw ${thrownText(error)}`;
  }
};

/** Idle runners first, those idle longest before others; of the busy ones those that will be idle soonest. */
const dispensableFirst = (left: RunnerRecord, right: RunnerRecord): number =>
  left.used !== right.used
    ? left.used - right.used
    : left.used === 0
      ? left.idleSince - right.idleSince
      : left.lastGrant - right.lastGrant;

/**
 * The ready runners beyond `floor` that the pool has not needed for `idleShutdownMs`. Not the clock of each runner decides,
 * but for how long so many have not been needed; who goes is another question.
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
