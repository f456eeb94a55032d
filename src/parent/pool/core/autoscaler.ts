/** Asks the scaling policy how many runners a pool should have, and keeps what it said. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import { type ScalingDecision, type ScalingSnapshot, reactive } from "../../../contract/config/scaling.ts";
import { catchRejection, isThenable, returnedText, thrownText } from "../../../contract/user-function.ts";
import type { RunnerTable } from "./pool-state-base.ts";

/** What a policy said, and what was wrong with that. */
interface Answer {
  readonly decision: ScalingDecision | undefined;
  readonly fault: string | undefined;
}

const useless = (fault: string): Answer => ({ decision: undefined, fault });

/** Reads what a policy returned, each field once: it may be anything. */
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
    return useless(`returned ${what}; a target is a number of runners, 0 or more`);
  }
  const runners = Math.ceil(target);
  if (typeof reason === "string") return { decision: { target: runners, reason }, fault: undefined };
  return {
    decision: { target: runners, reason: "the scaling policy gave no reason" },
    fault: "returned no reason; a reason is a string, and stats() shows it",
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
  /** What the policy said last. */
  decision: ScalingDecision = { target: 0, reason: "nothing has happened yet" };
  /** What was wrong with that, if anything. */
  fault: string | undefined;

  /** Asks again. Where the policy gives no answer that can be used, `reactive` decides. */
  decide(runners: RunnerTable, waiting: number, bounds: PoolBounds): ScalingDecision {
    const { decision, fault } = ask(bounds.scaling, runners.scalingSnapshot(bounds, waiting));
    this.fault = fault;
    if (decision !== undefined) return (this.decision = decision);
    const { target, reason } = reactive(runners.scalingSnapshot(bounds, waiting));
    return (this.decision = { target, reason: `the scaling policy ${fault}; reactive decides: ${reason}` });
  }
}
