/** Reads the failure out of how an effect of the runner ended. */
import * as Cause from "effect/Cause";
import { type CallError, InvokeError } from "../../contract/errors.ts";

/** The failure in a cause, or what to say of a defect of Firelight itself. */
export const failureOf = (cause: Cause.Cause<CallError>): CallError => {
  const failed = cause.reasons.find(Cause.isFailReason);
  if (failed !== undefined) return failed.error;
  return new InvokeError("invoke_error", "The runner failed by a defect of its own; its log has the cause.", {
    cause: Cause.squash(cause),
  });
};
