/** What callers hear when a key, and not the handler, decides how their call ends. Keys themselves are never named. */
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import { type Executed, InvokeError } from "../../contract/errors.ts";

export const conflictError = (method: string): InvokeError =>
  new InvokeError(
    "conflict",
    `${method}: the idempotency key of this call belongs to an earlier one with other arguments. It did not run. A key names one request: give a new request a new key.`,
    { phase: "runner_queue" },
  );

export const unavailableError = (method: string, runnerId: string): InvokeError =>
  new InvokeError(
    "unavailable",
    `Runner ${runnerId} could not ask its idempotency store about a call of ${method}, which did not run. The runner's log has the cause.`,
    { phase: "runner_queue", runnerId },
  );

export const deadlineError = ({ method, timeoutMs }: Invocation, executed: Executed): InvokeError =>
  new InvokeError(
    "timeout",
    `${method}: another call with the same idempotency key was still under way when the ${Math.round(timeoutMs)} ms of this one were over. Ask again with the same key and arguments to get its result.`,
    { executed, phase: executed === "yes" ? "handler" : "runner_queue" },
  );

export const brokenError = (method: string, cause: unknown): InvokeError =>
  new InvokeError("invoke_error", `${method}: the runner failed by a defect of its own; its log has the cause.`, {
    executed: "unknown",
    cause,
  });
