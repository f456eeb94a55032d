/**
 * Calls a handler in its span and its invocation context, and stops waiting for it at the deadline. A handler that
 * ignores its signal goes on in the background; its late result is logged and dropped.
 */
import * as Effect from "effect/Effect";
import { FlameError, FlameMethodError, InvokeError } from "../../contract/errors.ts";
import { currentInvocation } from "../../contract/api/invocation.ts";
import { isInstance, readField, readThrown } from "../../contract/thrown.ts";
import { exceptionMeta } from "../../telemetry/exception.ts";
import type { StageSpan } from "../../telemetry/telemetry.ts";
import { isDue } from "./deadline.ts";
import { HandlerContext } from "./context.ts";
import type { Execution } from "./execution.ts";
import type { RegisteredMethod } from "../../contract/api/registry.ts";

/**
 * The error for the caller of a handler that threw. It has the message of a `FlameMethodError`, and hides every other
 * one.
 */
const handlerError = (execution: Execution, thrown: unknown): InvokeError => {
  const { method, invocationId, attempt } = execution.invocation;
  const said = readThrown(thrown);
  const context = {
    executed: "yes",
    phase: "handler",
    method,
    invocationId,
    attempt,
    runnerId: execution.host.runnerId,
    cause: thrown,
  } as const;
  if (isInstance(thrown, FlameMethodError)) {
    const code = said.code ?? "unknown";
    return new InvokeError("remote_error", `${method} failed with ${code}: ${said.message}`, {
      ...context,
      retryable: readField(thrown, "retryable") === true,
      remote: { ...said, code, details: readField(thrown, "details") },
    });
  }
  return new InvokeError(
    "remote_error",
    `${method} failed on runner ${execution.host.runnerId} (invocation ${invocationId}); see the runner's log.`,
    {
      ...context,
      retryable: isInstance(thrown, FlameError) ? readField(thrown, "retryable") === true : true,
      remote: { ...said, exposed: true },
    },
  );
};

const deadlineError = (execution: Execution): InvokeError => {
  const { method, invocationId, attempt, arrivedAt } = execution.invocation;
  return new InvokeError(
    "timeout",
    `${method} exceeded its ${Math.round(execution.deadlineAt() - arrivedAt)} ms deadline on runner ${execution.host.runnerId}. Its signal was aborted; a handler that ignores ctx.signal goes on.`,
    { executed: "yes", phase: "handler", method, invocationId, attempt, runnerId: execution.host.runnerId },
  );
};

const innerDeadlineError = (execution: Execution, cause: FlameError): InvokeError => {
  const { method, invocationId, attempt } = execution.invocation;
  return new InvokeError(
    "timeout",
    `${method} exceeded its deadline on runner ${execution.host.runnerId}: a call that its handler made ended at the same deadline.`,
    { executed: "yes", phase: "handler", method, invocationId, attempt, runnerId: execution.host.runnerId, cause },
  );
};

const canceledError = (execution: Execution): InvokeError =>
  new InvokeError(
    "canceled",
    `${execution.invocation.method} was canceled: its caller canceled it or disconnected, or the runner is stopping.`,
    {
      executed: "yes",
      phase: "handler",
      method: execution.invocation.method,
      invocationId: execution.invocation.invocationId,
      attempt: execution.invocation.attempt,
      runnerId: execution.host.runnerId,
    },
  );

/** Logs how a handler ends after the runner stopped waiting for it. */
const logLateResult = (execution: Execution, error: InvokeError): void => {
  if (execution.pending === undefined) return;
  const since = performance.now();
  const report = (outcome: string, exception?: Record<string, unknown>): void =>
    execution.host.logger[error.code === "timeout" ? "warn" : "info"](
      `${execution.invocation.method} ${outcome} ${Math.round(performance.now() - since)} ms after the runner stopped waiting for it (${error.code}); the outcome was dropped`,
      {
        "rpc.method": execution.invocation.method,
        "flame.invocation.id": execution.invocation.invocationId,
        ...exception,
      },
    );
  execution.pending.then(
    () => report("returned"),
    (thrown: unknown) => {
      if (thrown === error) return;
      report("failed", exceptionMeta(thrown, execution.host.redact));
    },
  );
};

/** A native promise of the result. The `then` of a handler's result can be anything. */
const plainPromise = (result: PromiseLike<unknown>): Promise<unknown> =>
  Object.hasOwn(result, "then") || Object.hasOwn(result, "constructor")
    ? new Promise((resolve) => resolve(result))
    : Promise.resolve(result);

/**
 * Calls the handler. Succeeds with what it returns, and fails with `remote_error` for what it throws and with `timeout`
 * at the deadline. Interrupting the effect aborts the handler's signal.
 */
export const callHandler = (
  execution: Execution,
  method: RegisteredMethod,
  args: ReadonlyArray<unknown>,
  span: StageSpan,
): Effect.Effect<unknown, InvokeError> =>
  Effect.callback<unknown, InvokeError>((resume) => {
    const controller = new AbortController();
    let ended = false;
    const end = (outcome: Effect.Effect<unknown, InvokeError>): void => {
      if (ended) return;
      ended = true;
      stopWaiting();
      execution.endedAt = performance.now();
      resume(outcome);
    };
    const fail = (thrown: unknown): void => {
      if (ended) return;
      execution.thrown = thrown;
      const atOwnDeadline =
        isInstance(thrown, FlameError) && readField(thrown, "code") === "timeout" && isDue(execution.deadlineAt());
      end(Effect.fail(atOwnDeadline ? innerDeadlineError(execution, thrown) : handlerError(execution, thrown)));
    };
    const abort = (error: InvokeError): void => {
      ended = true;
      execution.endedAt = performance.now();
      logLateResult(execution, error);
      controller.abort(error);
    };
    const stopWaiting = execution.onDeadline(execution.deadlineAt, () => {
      const error = deadlineError(execution);
      abort(error);
      resume(Effect.fail(error));
    });
    const context = new HandlerContext(execution, span, controller.signal);

    execution.startedAt = performance.now();
    execution.executed = "yes";
    try {
      const result = span.activate(() => currentInvocation.run(context, method.invoke, context, args));
      if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== "function") {
        return end(Effect.succeed(result));
      }
      execution.pending = plainPromise(result as PromiseLike<unknown>);
      execution.pending.then((value) => end(Effect.succeed(value)), fail);
    } catch (thrown) {
      return fail(thrown);
    }
    return Effect.sync(() => {
      stopWaiting();
      abort(canceledError(execution));
    });
  });
