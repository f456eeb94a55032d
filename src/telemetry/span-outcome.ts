/**
 * Maps the end of a stage to a span: a gRPC status name and, for a failure, its message and attributes. Success sets no
 * status, interruption is `CANCELLED`, a timeout is `DEADLINE_EXCEEDED`. Pure.
 */
import * as Cause from "effect/Cause";
import * as Exit from "effect/Exit";
import { FlameError, type RpcStatus } from "../contract/errors.ts";
import { isInstance, messageOf, readField } from "../contract/thrown.ts";
import type { SpanFields } from "./catalog.ts";

/** The status and the failure of a stage's span. */
export interface SpanOutcome {
  readonly status: RpcStatus;
  /** Present on failure. */
  readonly failure: { readonly message: string; readonly facts: SpanFields } | undefined;
}

const succeeded: SpanOutcome = { status: "OK", failure: undefined };

const failed = (status: RpcStatus, message: string, facts?: SpanFields): SpanOutcome => ({
  status,
  failure: { message, facts: { ...facts, errorType: status } },
});

const canceled = failed("CANCELLED", "The stage was canceled.");

const getString = (error: unknown, field: string): string | undefined => {
  const value = readField(error, field);
  return typeof value === "string" ? value : undefined;
};

const ofError = (error: unknown, unexplained: RpcStatus): SpanOutcome => {
  const status = isInstance(error, FlameError) ? getString(error, "status") : undefined;
  if (status === undefined) return failed(unexplained, messageOf(error));
  return failed(status as RpcStatus, messageOf(error), {
    errorCode: getString(error, "code"),
    errorPhase: getString(error, "phase"),
    executed: getString(error, "executed"),
  });
};

/**
 * Returns the outcome of a stage that ended with `exit`. `noted` is the status that the stage set itself, for stages
 * whose failure is a value and for stages that know why they are interrupted. A typed failure takes precedence.
 */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>, noted: RpcStatus | undefined): SpanOutcome => {
  if (Exit.isFailure(exit)) {
    const failure = exit.cause.reasons.find(Cause.isFailReason);
    if (failure !== undefined) return ofError(failure.error, "UNKNOWN");
    const defect = exit.cause.reasons.find(Cause.isDieReason);
    if (defect !== undefined) return ofError(defect.defect, "INTERNAL");
  }
  if (noted !== undefined && noted !== "OK") return failed(noted, `The stage ended with ${noted}.`);
  return Exit.isSuccess(exit) ? succeeded : canceled;
};

const clientFaults: ReadonlySet<RpcStatus> = new Set<RpcStatus>([
  "CANCELLED",
  "INVALID_ARGUMENT",
  "UNAUTHENTICATED",
  "RESOURCE_EXHAUSTED",
]);

/** Whether a server span with this status counts as an error. Errors of the client do not. */
export const isServerError = (status: RpcStatus): boolean => status !== "OK" && !clientFaults.has(status);
