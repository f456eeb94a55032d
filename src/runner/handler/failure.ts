/** Reads the failure out of the exit of an effect on the runner. */
import * as Cause from "effect/Cause";
import { type CallError, InvokeError } from "../../contract/errors.ts";

/** The failure in a cause. A defect becomes an internal error. */
export const failureOf = (cause: Cause.Cause<CallError>): CallError => {
  const failed = cause.reasons.find(Cause.isFailReason);
  if (failed !== undefined) return failed.error;
  return new InvokeError("invoke_error", "Internal error in Firelight on the runner; see the runner's log.", {
    cause: Cause.squash(cause),
  });
};
