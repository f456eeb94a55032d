/** Asks the scaling policy for the number of runners, and keeps its last decision. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import { type ScalingDecision, type ScalingSnapshot, reactive } from "../../../contract/config/scaling.ts";
import { catchRejection, isThenable, returnedText, thrownText } from "../../../contract/user-function.ts";
import type { RunnerTable } from "./pool-state-base.ts";

/** The decision of a policy, and what is invalid in it. */
interface Answer {
  readonly decision: ScalingDecision | undefined;
  readonly fault: string | undefined;
}

const useless = (fault: string): Answer => ({ decision: undefined, fault });

/** Reads what a policy returned, each field once. */
const read = (given: unknown): Answer => {
  if (typeof given !== "object" || given === null || isThenable(given)) {
    catchRejection(given);
    return useless(`returned ${returnedText(given)}, not { target, reason }`);
  }
  const { target, reason } = given as Record<keyof ScalingDecision, unknown>;
  catchRejection(target);
  catchRejection(reason);
  if (typeof target !== "number" || !(target >= 0 && target < Infinity)) {
    const what = target === undefined ? "no target" : `the target ${returnedText(target)}`;
    return useless(`returned ${what}; the target must be a number of runners, 0 or more`);
  }
  const runners = Math.ceil(target);
  if (typeof reason === "string") return { decision: { target: runners, reason }, fault: undefined };
  return {
    decision: { target: runners, reason: "the scaling policy gave no reason" },
    fault: "returned no reason; the reason must be a string, which stats() shows",
  };
};

const ask = (policy: (snapshot: ScalingSnapshot) => unknown, snapshot: ScalingSnapshot): Answer => {
  try {
    return read(policy(snapshot));
  } catch (error) {
    return useless(`threw ${thrownText(error)}`);
  }
};

export class Scaler {
  /** The last decision. */
  decision: ScalingDecision = { target: 0, reason: "no decision yet" };
  /** What was invalid in it, if anything. */
  fault: string | undefined;

  /** Asks the policy. If it returns no usable decision, `reactive` decides. */
  decide(runners: RunnerTable, waiting: number, bounds: PoolBounds): ScalingDecision {
    const { decision, fault } = ask(bounds.scaling, runners.scalingSnapshot(bounds, waiting));
    this.fault = fault;
    if (decision !== undefined) return (this.decision = decision);
    const { target, reason } = reactive(runners.scalingSnapshot(bounds, waiting));
    return (this.decision = { target, reason: `the scaling policy ${fault}; reactive decides: ${reason}` });
  }
}
