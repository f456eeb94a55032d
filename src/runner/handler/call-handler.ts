/**
 * Runs a handler: inside its span and its invocation context, and never past its
 * deadline. A handler that ignores its signal goes on in the background; whatever
 * it ends with then is logged and dropped.
 */
import * as Effect from "effect/Effect";
import { FlameError, FlameMethodError, InvokeError } from "../../contract/errors.ts";
import { currentInvocation } from "../../contract/api/invocation.ts";
import { isInstance, readField, readThrown } from "../../contract/thrown.ts";
import { exceptionMeta } from "../../telemetry/exception.ts";
import type { StageSpan } from "../../telemetry/telemetry.ts";
import { isDue } from "./deadline.ts";
import { HandlerContext } from "./context.ts";
import type { Run } from "./execution.ts";

/** The error for the caller of a handler that threw: its own words if it chose them, else only that it failed. */
const handlerError = (run: Run, thrown: unknown): InvokeError => {
  const { method, invocationId, attempt } = run.invocation;
  const said = readThrown(thrown);
  const context = {
    executed: "yes",
    phase: "handler",
    method,
    invocationId,
    attempt,
    runnerId: run.runnerId,
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
    `${method} failed on runner ${run.runnerId} (invocation ${invocationId}); the runner's log has the cause.`,
    {
      ...context,
      retryable: isInstance(thrown, FlameError) ? readField(thrown, "retryable") === true : true,
      remote: { ...said, exposed: true },
    },
  );
};

const deadlineError = (run: Run): InvokeError => {
  const { method, invocationId, attempt, arrivedAt } = run.invocation;
  return new InvokeError(
    "timeout",
    `${method} was still running on runner ${run.runnerId} when the ${Math.round(run.deadlineAt() - arrivedAt)} ms that it was given were over. Its signal was aborted; a handler that ignores ctx.signal goes on.`,
    { executed: "yes", phase: "handler", method, invocationId, attempt, runnerId: run.runnerId },
  );
};

const innerDeadlineError = (run: Run, cause: FlameError): InvokeError => {
  const { method, invocationId, attempt } = run.invocation;
  return new InvokeError(
    "timeout",
    `${method} ran out of time on runner ${run.runnerId}: a call that its handler made ended at the deadline that both have.`,
    { executed: "yes", phase: "handler", method, invocationId, attempt, runnerId: run.runnerId, cause },
  );
};

const canceledError = (run: Run): InvokeError =>
  new InvokeError(
    "canceled",
    `${run.invocation.method} was canceled: its caller gave up or is gone, or the runner stops.`,
    {
      executed: "yes",
      phase: "handler",
      method: run.invocation.method,
      invocationId: run.invocation.invocationId,
      attempt: run.invocation.attempt,
      runnerId: run.runnerId,
    },
  );

/** Hears the end of a handler that nobody waits for any more. */
const logLateResult = (run: Run, error: InvokeError): void => {
  if (run.pending === undefined) return;
  const since = performance.now();
  const report = (outcome: string, exception?: Record<string, unknown>): void =>
    run.logger[error.code === "timeout" ? "warn" : "info"](
      `${run.invocation.method} ${outcome} ${Math.round(performance.now() - since)} ms after it was given up (${error.code}); this was dropped`,
      { "rpc.method": run.invocation.method, "flame.invocation.id": run.invocation.invocationId, ...exception },
    );
  run.pending.then(
    () => report("returned"),
    (thrown: unknown) => {
      if (thrown === error) return;
      report("failed", exceptionMeta(thrown, run.redact));
    },
  );
};

/** A promise of the result whose `then` is its own: a handler's can be anything. */
const plainPromise = (result: PromiseLike<unknown>): Promise<unknown> =>
  Object.hasOwn(result, "then") || Object.hasOwn(result, "constructor")
    ? new Promise((resolve) => resolve(result))
    : Promise.resolve(result);

/**
 * Runs the handler. Ends with what it returns, with `remote_error` for what it throws, and with `timeout` at the
 * deadline. Interrupting the effect aborts the handler's signal.
 */
export const execute = (run: Run, args: ReadonlyArray<unknown>, span: StageSpan): Effect.Effect<unknown, InvokeError> =>
  Effect.callback<unknown, InvokeError>((resume) => {
    const { method } = run;
    const controller = new AbortController();
    let ended = false;
    const end = (outcome: Effect.Effect<unknown, InvokeError>): void => {
      if (ended) return;
      ended = true;
      stopWaiting();
      run.endedAt = performance.now();
      resume(outcome);
    };
    const fail = (thrown: unknown): void => {
      if (ended) return;
      run.thrown = thrown;
      const late = isInstance(thrown, FlameError) && readField(thrown, "code") === "timeout" && isDue(run.deadlineAt());
      end(Effect.fail(late ? innerDeadlineError(run, thrown) : handlerError(run, thrown)));
    };
    const abort = (error: InvokeError): void => {
      ended = true;
      run.endedAt = performance.now();
      logLateResult(run, error);
      controller.abort(error);
    };
    const stopWaiting = run.onDeadline(() => {
      const error = deadlineError(run);
      abort(error);
      resume(Effect.fail(error));
    });
    const context = new HandlerContext(run, span, controller.signal);

    run.startedAt = performance.now();
    run.executed = "yes";
    try {
      const result = span.activate(() => currentInvocation.run(context, () => method.invoke(context, args)));
      if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== "function") {
        return end(Effect.succeed(result));
      }
      run.pending = plainPromise(result as PromiseLike<unknown>);
      run.pending.then((value) => end(Effect.succeed(value)), fail);
    } catch (thrown) {
      return fail(thrown);
    }
    return Effect.sync(() => {
      stopWaiting();
      abort(canceledError(run));
    });
  });
