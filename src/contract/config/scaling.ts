/**
 * How many runners a pool should have. A policy is a pure function of what the
 * pool looks like, and says why; the pool keeps the answer within `min` and `max`.
 */

import { integer, quantity } from "../validation/check-number.ts";
import { readOption } from "../validation/option-schema.ts";

/** What a policy decides from. */
export interface ScalingSnapshot {
  readonly min: number;
  readonly max: number;
  /** Calls that one runner takes at a time. */
  readonly slotsPerRunner: number;
  /** Runners that take work. */
  readonly ready: number;
  /** Runners that are being started. */
  readonly booting: number;
  /** Slots in use on runners that take work. */
  readonly used: number;
  /** Calls that wait for a slot. */
  readonly waiting: number;
}

/** How many runners there should be, and why. */
export interface ScalingDecision {
  readonly target: number;
  readonly reason: string;
}

/**
 * Decides how many runners a pool should have. Called after every change of the pool, so it must be fast. A target is rounded up.
 * Where a policy throws, or gives anything else than a target of 0 or more, {@link reactive} decides in its place.
 *
 * @example
 * ```ts
 * const nightShift: ScalingPolicy = (pool) =>
 *   new Date().getHours() < 6 ? { target: 1, reason: "it is night" } : reactive(pool);
 * ```
 */
export type ScalingPolicy = (snapshot: ScalingSnapshot) => ScalingDecision;

const runnersFor = (slots: number, snapshot: ScalingSnapshot): number => Math.ceil(slots / snapshot.slotsPerRunner);

/** Runners for the calls that run and wait, and no more. The default. */
export const reactive: ScalingPolicy = (snapshot) => ({
  target: runnersFor(snapshot.used + snapshot.waiting, snapshot),
  reason: `${snapshot.used} calls running, ${snapshot.waiting} waiting`,
});

const slots = integer("slots", { min: 0 });
const utilization = quantity("a share of the slots", { above: 0, max: 1 });

/**
 * As {@link reactive}, with `spareSlots` more slots, so that a call that comes next need not wait for a boot.
 *
 * @throws {ConfigError} unless `spareSlots` is a whole number, 0 or more.
 */
export const buffer = (spareSlots: number): ScalingPolicy => {
  readOption(slots, spareSlots, "buffer", "spareSlots");
  return (snapshot) => ({
    target: runnersFor(snapshot.used + snapshot.waiting + spareSlots, snapshot),
    reason: `${snapshot.used} calls running, ${snapshot.waiting} waiting, ${spareSlots} spare slots`,
  });
};

/**
 * Keeps the share of slots in use near `share`, above 0 and up to 1.
 *
 * @throws {ConfigError} unless `share` is such a number.
 */
export const targetUtilization = (share: number): ScalingPolicy => {
  readOption(utilization, share, "targetUtilization", "share");
  return (snapshot) => ({
    target: runnersFor((snapshot.used + snapshot.waiting) / share, snapshot),
    reason: `${snapshot.used + snapshot.waiting} calls at a target utilization of ${Math.round(share * 100)}%`,
  });
};
