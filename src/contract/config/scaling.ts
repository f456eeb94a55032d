/**
 * How many runners a pool should have. A policy is a pure function of what the
 * pool looks like, and says why; the pool keeps the answer within `min` and `max`.
 */

import { integer, quantity } from "../validation/check-number.ts";
import { readOption } from "../validation/option-schema.ts";

/** The state of a pool that a policy decides from. */
export interface ScalingSnapshot {
  /** Minimum number of runners. */
  readonly min: number;
  /** Maximum number of runners. */
  readonly max: number;
  /** Maximum number of concurrent calls per runner. */
  readonly slotsPerRunner: number;
  /** Runners that accept calls. */
  readonly ready: number;
  /** Runners that are starting. */
  readonly booting: number;
  /** Slots in use on runners that accept calls. */
  readonly used: number;
  /** Calls that wait for a slot. */
  readonly waiting: number;
}

/** How many runners a pool should have, and why. */
export interface ScalingDecision {
  /** Desired number of runners, 0 or more. The pool rounds it up and keeps it within `min` and `max`. */
  readonly target: number;
  /** Why, for logs and `stats()`. */
  readonly reason: string;
}

/**
 * Decides how many runners a pool should have. The pool calls it after every change, so it must be fast. If it throws
 * or returns an invalid target, {@link reactive} decides instead.
 *
 * @param snapshot the state of the pool
 *
 * @example
 * ```ts
 * const nightShift: ScalingPolicy = (pool) =>
 *   new Date().getHours() < 6 ? { target: 1, reason: "it is night" } : reactive(pool);
 * ```
 */
export type ScalingPolicy = (snapshot: ScalingSnapshot) => ScalingDecision;

const runnersFor = (slots: number, snapshot: ScalingSnapshot): number => Math.ceil(slots / snapshot.slotsPerRunner);

/** Provides as many runners as running and waiting calls need. The default policy. */
export const reactive: ScalingPolicy = (snapshot) => ({
  target: runnersFor(snapshot.used + snapshot.waiting, snapshot),
  reason: `${snapshot.used} calls running, ${snapshot.waiting} waiting`,
});

const slots = integer("slots", { min: 0 });
const utilization = quantity("a share of the slots", { above: 0, max: 1 });

/**
 * Like {@link reactive}, with spare slots, so that the next calls do not wait for a boot.
 *
 * @param spareSlots number of spare slots, a whole number from 0
 * @throws {ConfigError} if `spareSlots` is not a whole number from 0.
 */
export const buffer = (spareSlots: number): ScalingPolicy => {
  readOption(slots, spareSlots, "buffer", "spareSlots");
  return (snapshot) => ({
    target: runnersFor(snapshot.used + snapshot.waiting + spareSlots, snapshot),
    reason: `${snapshot.used} calls running, ${snapshot.waiting} waiting, ${spareSlots} spare slots`,
  });
};

/**
 * Keeps the share of slots in use near a target.
 *
 * @param share the target, above 0 and up to 1
 * @throws {ConfigError} if `share` is out of range.
 */
export const targetUtilization = (share: number): ScalingPolicy => {
  readOption(utilization, share, "targetUtilization", "share");
  return (snapshot) => ({
    target: runnersFor((snapshot.used + snapshot.waiting) / share, snapshot),
    reason: `${snapshot.used + snapshot.waiting} calls at a target utilization of ${Math.round(share * 100)}%`,
  });
};
