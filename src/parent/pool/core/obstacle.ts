/** What keeps a call from a slot, and what its user can do about that: one table. Pure. */
import { messageOf } from "../../../contract/thrown.ts";
import type { PoolSnapshot } from "../../../telemetry/telemetry.ts";

/** A pool at the moment at which a call is refused, or has waited too long. */
export interface Situation extends PoolSnapshot {
  readonly supply: "elastic" | "fixed";
  readonly max: number;
  readonly maxConcurrency: number;
  /** Milliseconds since the oldest boot that is under way began. */
  readonly bootingMs: number;
  /** Why boots are not tried for now. */
  readonly bootFailure: { readonly error: unknown } | undefined;
  /** What the scaling policy said last, where it is not `reactive`. */
  readonly policyReason: string | undefined;
}

/**
 * `booting`: runners are on their way. `paused`: boots fail, and none is tried for now. `full`: all runners that the pool may
 * have are busy. `draining`, `silent`: some of them keep their place without taking calls. `policy`: the policy wants no more.
 * `unprovisioned`: none was asked for, since runners are started for calls that wait. `fixed_full`, `fixed_silent`: the same
 * for runners that the pool did not start.
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

/** What is the matter, and what to set. `bound` is the option that ended the wait. */
const advice: Readonly<Record<Obstacle, (situation: Situation, bound: string) => string>> = {
  booting: ({ bootingMs }, bound) =>
    `A runner has been booting for ${Math.round(bootingMs)} ms. Raise ${bound}, or keep runners ready with min or warm.`,
  paused: ({ bootFailure }, bound) =>
    `Boots fail, and the pool pauses between them: ${messageOf(bootFailure?.error).replace(/\.$/, "")}. Repair that; raising ${bound} helps only if it passes by itself.`,
  full: (_, bound) => `Raise the pool's max or maxConcurrency, or ${bound}.`,
  draining: ({ runners: { draining } }, bound) =>
    `${counted(draining, "runner")}of max finish their last calls. Raise max or ${bound}, or lower drainTimeoutMs.`,
  silent: ({ runners: { ejected } }, bound) =>
    `${counted(ejected, "runner")}of max do not answer, and keep their place until their calls end. Raise max or ${bound}, or lower the timeoutMs of the calls that keep them busy.`,
  policy: ({ policyReason }, bound) =>
    `The scaling policy wants no more runners: ${policyReason}. Change scaling, or raise ${bound}.`,
  unprovisioned: (_, bound) =>
    `Runners are started for calls that wait, and none is ready for this one. Raise ${bound}, or keep slots free with min or warm.`,
  fixed_full: (_, bound) => `Add runners to the pool, raise its maxConcurrency, or ${bound}.`,
  fixed_silent: () => "None of its runners answers. Start them, or correct their addresses in runners.",
};

export const adviceFor = (situation: Situation, bound: string): string =>
  advice[obstacleOf(situation)](situation, bound);
