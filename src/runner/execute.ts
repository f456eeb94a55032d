/**
 * Runs a handler: inside its span and its invocation context, and never past its
 * deadline. A handler that ignores its signal goes on in the background; whatever
 * it ends with then is logged and dropped.
 */
import { Effect } from "effect";
import type { Invocation } from "../contract/dispatch.ts";
import { FlameError, FlameMethodError, InvokeError, type RemoteFailure } from "../contract/errors.ts";
import { currentInvocation } from "../contract/invocation.ts";
import { HandlerContext } from "./handler-context.ts";
import type { Logger } from "../contract/options.ts";
import { longestTimerMs } from "../contract/check-number.ts";
import type { RegisteredMethod } from "../contract/registry.ts";
import { safeError, type Redactor } from "../telemetry/redaction.ts";
import type { StageSpan } from "../telemetry/telemetry.ts";

/** One run of a handler: what it needs, and the record of it. */
export interface Run {
  readonly method: RegisteredMethod;
  readonly args: ReadonlyArray<unknown>;
  readonly invocation: Invocation;
  readonly runnerId: string;
  readonly logger: Logger;
  readonly redact: Redactor;
  /** `performance.now()` at which it must be over. It grows while it runs, if callers with more time wait for the same run. */
  readonly deadlineAt: () => number;
  /** What the handler has promised. */
  pending: Promise<unknown> | undefined;
  /** `performance.now()` at which the handler started; `undefined` as long as it has not. */
  startedAt: number | undefined;
  /** `performance.now()` at which the runner stopped waiting for it. */
  endedAt: number | undefined;
  /** What the handler threw. */
  thrown: unknown;
}

/** Milliseconds before a deadline in which what ends an invocation is its deadline. */
const deadlineSlackMs = 25;

/**
 * Whether what ends now for want of time ends for this deadline: a caller that gives up, and a call that the handler
 * made, see it a little earlier than this runner.
 */
export const isDue = (deadlineAt: number): boolean => deadlineAt - performance.now() <= deadlineSlackMs;

const describe = (thrown: unknown): RemoteFailure => {
  if (thrown instanceof Error) return { name: thrown.name, message: thrown.message, stack: thrown.stack };
  return { name: typeof thrown, message: typeof thrown === "string" ? thrown : undefined };
};

/** The error for the caller of a handler that threw: its own words if it chose them, else only that it failed. */
const handlerError = (run: Run, thrown: unknown): InvokeError => {
  const { method, invocationId, attempt } = run.invocation;
  const context = {
    executed: "yes",
    phase: "handler",
    method,
    invocationId,
    attempt,
    runnerId: run.runnerId,
    cause: thrown,
  } as const;
  if (thrown instanceof FlameMethodError) {
    return new InvokeError("remote_error", `${method} failed with ${thrown.code}: ${thrown.message}`, {
      ...context,
      retryable: thrown.retryable,
      remote: { name: thrown.name, code: thrown.code, message: thrown.message, details: thrown.details },
    });
  }
  return new InvokeError(
    "remote_error",
    `${method} failed on runner ${run.runnerId} (invocation ${invocationId}); the runner's log has the cause.`,
    { ...context, retryable: thrown instanceof FlameError ? thrown.retryable : true, remote: describe(thrown) },
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
    `${run.invocation.method} was cancelled: its caller gave up or is gone, or the runner stops.`,
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
const dropLate = (run: Run, error: InvokeError): void => {
  if (run.pending === undefined) return;
  const since = performance.now();
  const report = (outcome: string, exception?: Record<string, string | undefined>): void =>
    run.logger[error.code === "timeout" ? "warn" : "info"](
      `${run.invocation.method} ${outcome} ${Math.round(performance.now() - since)} ms after it was given up (${error.code}); this was dropped`,
      { "rpc.method": run.invocation.method, "flame.invocation.id": run.invocation.invocationId, ...exception },
    );
  run.pending.then(
    () => report("returned"),
    (thrown: unknown) => {
      if (thrown === error) return;
      const { type, message, stack } = safeError(thrown, run.redact);
      report("failed", { "exception.type": type, "exception.message": message, "exception.stacktrace": stack });
    },
  );
};

/**
 * Runs the handler. Ends with what it returns, with `remote_error` for what it throws, and with `timeout` at the
 * deadline. Interrupting the effect aborts the handler's signal.
 */
export const execute = (run: Run, span: StageSpan): Effect.Effect<unknown, InvokeError> =>
  Effect.callback<unknown, InvokeError>((resume) => {
    const { method } = run;
    const remainingMs = (): number => run.deadlineAt() - performance.now();
    const controller = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    let ended = false;
    const end = (outcome: Effect.Effect<unknown, InvokeError>): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      run.endedAt = performance.now();
      resume(outcome);
    };
    const fail = (thrown: unknown): void => {
      if (ended) return;
      run.thrown = thrown;
      const late = thrown instanceof FlameError && thrown.code === "timeout" && isDue(run.deadlineAt());
      end(Effect.fail(late ? innerDeadlineError(run, thrown) : handlerError(run, thrown)));
    };
    const abort = (error: InvokeError): void => {
      ended = true;
      run.endedAt = performance.now();
      dropLate(run, error);
      controller.abort(error);
    };

    const watchDeadline = (leftMs: number): void => {
      if (leftMs > longestTimerMs) return;
      timer = setTimeout(() => {
        const moreMs = remainingMs();
        if (moreMs >= 1) return watchDeadline(moreMs);
        const error = deadlineError(run);
        abort(error);
        resume(Effect.fail(error));
      }, Math.max(0, leftMs));
    };
    watchDeadline(remainingMs());
    const context = new HandlerContext(run, span, controller.signal);

    run.startedAt = performance.now();
    try {
      const result = span.activate(() => currentInvocation.run(context, () => method.invoke(context, run.args)));
      if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== "function") {
        return end(Effect.succeed(result));
      }
      run.pending = Promise.resolve(result);
      run.pending.then((value) => end(Effect.succeed(value)), fail);
    } catch (thrown) {
      return fail(thrown);
    }
    return Effect.sync(() => {
      clearTimeout(timer);
      abort(canceledError(run));
    });
  });
