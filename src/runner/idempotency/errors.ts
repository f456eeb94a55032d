/** The errors of calls that end because of their idempotency key. Messages never contain the key. */
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import { type Executed, InvokeError } from "../../contract/errors.ts";

export const conflictError = (method: string): InvokeError =>
  new InvokeError(
    "conflict",
    `${method}: an earlier call used the same idempotency key with other arguments. This call did not run. Use a new key for each new request.`,
    { phase: "runner_queue" },
  );

export const unavailableError = (method: string, runnerId: string): InvokeError =>
  new InvokeError(
    "unavailable",
    `The idempotency store of runner ${runnerId} failed. The call of ${method} did not run; see the runner's log.`,
    { phase: "runner_queue", runnerId },
  );

export const deadlineError = ({ method, timeoutMs }: Invocation, executed: Executed): InvokeError =>
  new InvokeError(
    "timeout",
    `${method}: timed out after ${Math.round(timeoutMs)} ms: another call with the same idempotency key was still running. Call again with the same key and arguments to get its result.`,
    { executed, phase: executed === "yes" ? "handler" : "runner_queue" },
  );

export const brokenError = (method: string, cause: unknown): InvokeError =>
  new InvokeError("invoke_error", `${method}: internal error in Firelight on the runner; see the runner's log.`, {
    executed: "unknown",
    cause,
  });
