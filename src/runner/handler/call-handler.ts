/**
 * Calls a handler in its span and its invocation context, and stops waiting for it at the deadline. A handler that
 * ignores its signal goes on in the background; its late result is logged and dropped.
 */
import * as Exit from "effect/Exit";
import type { Codec } from "../../contract/codec/codec.ts";
import { type CallError, FlameError, FlameMethodError, InvokeError } from "../../contract/errors.ts";
import { currentInvocation } from "../../contract/api/invocation.ts";
import { isInstance, messageOf, readField, readThrown } from "../../contract/thrown.ts";
import { maxTimerMs } from "../../contract/validation/check-number.ts";
import { exceptionMeta } from "../../telemetry/exception.ts";
import type { AnyFiber, StageSpan } from "../../telemetry/telemetry.ts";
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

/** Converts what the codec threw to an error that tells whether the handler ran. */
export const codecError = (thrown: unknown, executed: "no" | "yes"): InvokeError => {
  const isOurs = isInstance(thrown, FlameError);
  return new InvokeError(isOurs ? thrown.code : "serialization_error", messageOf(thrown), {
    executed,
    phase: executed === "no" ? "runner_queue" : "encode",
    retryable: false,
    details: isOurs ? thrown.details : undefined,
    cause: thrown,
  });
};

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

export interface InvokeOptions {
  readonly codec: Codec;
  /** Maximum size of an encoded result, in bytes. */
  readonly maxBodyBytes: number;
}

/** Encodes what a handler returned, within the limit. */
export const encodeResult = ({ codec, maxBodyBytes }: InvokeOptions, method: string, value: unknown): Uint8Array => {
  const body = codec.encode(value, `result of ${method}`);
  if (body.byteLength <= maxBodyBytes) return body;
  throw new InvokeError(
    "payload_too_large",
    `The result of ${method} has ${body.byteLength} bytes; maxBodyBytes allows ${maxBodyBytes}. Return less data, return a reference to it, or raise maxBodyBytes on both sides.`,
  );
};

/** The error of an invocation whose deadline passed before its handler started. */
export const startedTooLate = ({ invocation, host }: Execution): InvokeError =>
  new InvokeError(
    "timeout",
    `The deadline of ${invocation.method} passed before its handler started on runner ${host.runnerId}. The handler did not run.`,
    { executed: "no", phase: "runner_queue" },
  );

/** Whether the deadline has passed. */
export const isLate = ({ deadlineAt }: Execution): boolean => !(deadlineAt() > performance.now());

/** Calls the handler in its invocation context. */
const enter = (context: HandlerContext, method: RegisteredMethod, args: ReadonlyArray<unknown>): unknown =>
  currentInvocation.run(context, method.invoke, context, args);

/** A native promise of the result of a handler, whose `then` can be anything. */
const nativePromise = (result: PromiseLike<unknown>): Promise<unknown> => new Promise((resolve) => resolve(result));

const checkDeadline = (run: HandlerRun): void => run.checkDeadline();

/** Receives the end of a handler. */
export interface HandlerOwner {
  /** Called once, unless the run is canceled; maybe before `start` returns. */
  onEnd(exit: Exit.Exit<Uint8Array, CallError>): void;
}

/**
 * A call of a handler in its span. It ends once: with the encoded result, with `remote_error` for what the handler
 * throws, with `timeout` at the deadline, or when it is canceled.
 */
export class HandlerRun {
  readonly execution: Execution;
  readonly span: StageSpan;
  readonly #options: InvokeOptions;
  readonly #method: RegisteredMethod;
  readonly #owner: HandlerOwner;
  #ended: boolean;
  #timer: NodeJS.Timeout | undefined;
  #stopWaiting: (() => void) | undefined;
  /** Made when the handler asks for its signal. */
  #controller: AbortController | undefined;
  /** Why the handler was aborted. */
  #reason: InvokeError | undefined;

  /**
   * Begins the stage of the handler.
   *
   * @param fiber the fiber that it is in, if any
   * @param outer the stage that it is in, if it is not the one of the fiber
   */
  constructor(
    options: InvokeOptions,
    execution: Execution,
    method: RegisteredMethod,
    owner: HandlerOwner,
    fiber: AnyFiber | undefined,
    outer: StageSpan | undefined,
  ) {
    const { body, carrier } = execution.invocation;
    const facts = { method: method.name, requestBytes: body.byteLength };
    execution.handlerSpanOpened = true;
    this.execution = execution;
    this.span = execution.host.telemetry.begin({ _tag: "handler", facts, carrier }, fiber, outer);
    this.#options = options;
    this.#method = method;
    this.#owner = owner;
    this.#ended = false;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  start(args: ReadonlyArray<unknown>): void {
    const { execution } = this;
    const { onDeadline, deadlineAt } = execution;
    const startedAt = performance.now();
    if (onDeadline !== undefined) this.#stopWaiting = onDeadline(deadlineAt, () => this.#expire());
    else {
      const leftMs = deadlineAt() - startedAt;
      if (leftMs <= maxTimerMs) this.#timer = setTimeout(checkDeadline, Math.max(0, leftMs), this);
    }
    execution.startedAt = startedAt;
    execution.executed = "yes";
    let result: unknown;
    try {
      result = this.span.activate(enter, new HandlerContext(this), this.#method, args);
      if (typeof (result as PromiseLike<unknown> | null | undefined)?.then === "function") {
        const isNative = !Object.hasOwn(result as object, "then") && !Object.hasOwn(result as object, "constructor");
        execution.pending = isNative ? Promise.resolve(result) : nativePromise(result as PromiseLike<unknown>);
      }
    } catch (thrown) {
      return this.#fail(thrown);
    }
    if (execution.pending === undefined) return this.#succeed(result);
    execution.pending.then(
      (value) => this.#succeed(value),
      (thrown: unknown) => this.#fail(thrown),
    );
  }

  /** The deadline may have grown since the timer was set. */
  checkDeadline(): void {
    const moreMs = this.execution.deadlineAt() - performance.now();
    if (moreMs < 1) this.#expire();
    else if (moreMs <= maxTimerMs) this.#timer = setTimeout(checkDeadline, moreMs, this);
  }

  /** Aborts the handler. The owner is not told. */
  cancel(): void {
    if (this.#ended) return;
    this.#abort(canceledError(this.execution));
    this.span.setAttributes({ status: isDue(this.execution.deadlineAt()) ? "DEADLINE_EXCEEDED" : "CANCELLED" });
    this.span.end(Exit.interrupt());
  }

  #succeed(value: unknown): void {
    if (this.#ended) return;
    this.#stop();
    let exit: Exit.Exit<Uint8Array, CallError>;
    try {
      const body = encodeResult(this.#options, this.#method.name, value);
      this.span.setAttributes({ responseBytes: body.byteLength });
      exit = Exit.succeed(body);
    } catch (thrown) {
      exit = Exit.fail(codecError(thrown, "yes"));
    }
    this.span.end(exit);
    this.#owner.onEnd(exit);
  }

  #fail(thrown: unknown): void {
    if (this.#ended) return;
    const { execution } = this;
    execution.thrown = thrown;
    const atOwnDeadline =
      isInstance(thrown, FlameError) && readField(thrown, "code") === "timeout" && isDue(execution.deadlineAt());
    this.#stop();
    this.#endWith(atOwnDeadline ? innerDeadlineError(execution, thrown) : handlerError(execution, thrown));
  }

  #expire(): void {
    if (this.#ended) return;
    const error = deadlineError(this.execution);
    this.#abort(error);
    this.#endWith(error);
  }

  #endWith(error: CallError): void {
    const exit = Exit.fail(error);
    this.span.end(exit);
    this.#owner.onEnd(exit);
  }

  /** The handler goes on if it ignores its signal. */
  #abort(error: InvokeError): void {
    this.#stop();
    logLateResult(this.execution, error);
    this.#reason = error;
    this.#controller?.abort(error);
  }

  #stop(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#stopWaiting?.();
    this.execution.endedAt = performance.now();
  }
}
