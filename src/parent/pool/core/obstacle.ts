/** Why a call gets no slot, and what the user can do about it. Pure. */
import { messageOf } from "../../../contract/thrown.ts";
import type { PoolSnapshot } from "../../../telemetry/telemetry.ts";

/** A pool at the moment at which a call is rejected or has waited too long. */
export interface Situation extends PoolSnapshot {
  readonly supply: "elastic" | "fixed";
  readonly max: number;
  readonly maxConcurrency: number;
  /** Milliseconds since the oldest boot in progress started. */
  readonly bootingMs: number;
  /** Why boots are paused. */
  readonly bootFailure: { readonly error: unknown } | undefined;
  /** The last reason of the scaling policy, unless it is `reactive`. */
  readonly policyReason: string | undefined;
}

/**
 * `booting`: runners are booting. `paused`: boots fail and are paused. `full`: `max` runners are busy. `draining`,
 * `silent`: some of the `max` runners accept no calls. `policy`: the scaling policy requests no more runners.
 * `unprovisioned`: no runner was requested, because runners are started for calls that wait. `fixed_full`,
 * `fixed_silent`: the same for runners that the pool did not start.
 */
export type Obstacle =
  | "booting"
  | "paused"
  | "full"
  | "draining"
  | "silent"
  | "policy"
  | "unprovisioned"
  | "fixed_full"
  | "fixed_silent";

export const obstacleOf = (situation: Situation): Obstacle => {
  const { supply, runners, pending, slotsProvisioned, max, maxConcurrency } = situation;
  const { booting, draining, ejected, idle, busy } = runners;
  if (supply === "fixed") return idle + busy === 0 ? "fixed_silent" : "fixed_full";
  if (booting > 0 && (slotsProvisioned === 0 || booting * maxConcurrency >= pending)) return "booting";
  if (situation.bootFailure !== undefined) return "paused";
  if (booting + idle + busy + draining + ejected < max)
    return situation.policyReason === undefined ? (booting > 0 ? "booting" : "unprovisioned") : "policy";
  if (ejected > 0) return "silent";
  return draining > 0 ? "draining" : "full";
};

const counted = (count: number, what: string): string => (count === 1 ? `1 ${what} ` : `${count} ${what}s `);

/** The problem, and the option to change. `bound` is the option that ended the wait. */
const advice: Readonly<Record<Obstacle, (situation: Situation, bound: string) => string>> = {
  booting: ({ bootingMs }, bound) =>
    `A runner has been booting for ${Math.round(bootingMs)} ms. Raise ${bound}, or keep runners ready with min or warm.`,
  paused: ({ bootFailure }, bound) =>
    `Boots fail, and the pool pauses between them: ${messageOf(bootFailure?.error).replace(/\.$/, "")}. Fix the cause. Raising ${bound} helps only if the cause is temporary.`,
  full: (_, bound) => `Raise the pool's max or maxConcurrency, or ${bound}.`,
  draining: ({ runners: { draining } }, bound) =>
    `${counted(draining, "runner")}of max are finishing their last calls. Raise max or ${bound}, or lower drainTimeoutMs.`,
  silent: ({ runners: { ejected } }, bound) =>
    `${counted(ejected, "runner")}of max do not respond, and keep their slots until their calls end. Raise max or ${bound}, or lower the timeoutMs of the calls that keep them busy.`,
  policy: ({ policyReason }, bound) =>
    `The scaling policy requests no more runners: ${policyReason}. Change scaling, or raise ${bound}.`,
  unprovisioned: (_, bound) =>
    `Runners are started for waiting calls, and none was ready for this call. Raise ${bound}, or keep slots free with min or warm.`,
  fixed_full: (_, bound) => `Add runners to the pool, raise its maxConcurrency, or ${bound}.`,
  fixed_silent: () => "None of its runners responds. Start them, or correct their addresses in runners.",
};

export const adviceFor = (situation: Situation, bound: string): string =>
  advice[obstacleOf(situation)](situation, bound);
