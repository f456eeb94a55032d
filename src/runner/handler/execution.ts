/** The state of one invocation on the runner. Every stage receives it, and records in it what it learns. */
import * as Effect from "effect/Effect";
import type { RegisteredMethod } from "../../contract/api/registry.ts";
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { Logger } from "../../contract/config/options.ts";
import type { CallError, Executed } from "../../contract/errors.ts";
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import type { Redactor } from "../../telemetry/redaction.ts";
import type { SpanIds, StageSpan, Telemetry } from "../../telemetry/telemetry.ts";
import { type atDeadline, isDue } from "./deadline.ts";

/** What an execution needs from the process that it runs in. */
export interface ExecutionHost {
  readonly runnerId: string;
  readonly logger: Logger;
  readonly redact: Redactor;
  readonly telemetry: Pick<Telemetry, "begin" | "stage">;
}

/** An invocation in progress, and afterwards. */
export interface Execution {
  readonly host: ExecutionHost;
  readonly invocation: Invocation;
  /** `undefined` if no such method is registered. */
  readonly method: RegisteredMethod | undefined;
  /**
   * `performance.now()` at which it must be over. It grows during the execution when callers with more time wait for
   * the same one.
   */
  deadlineAt: () => number;
  /** Calls back at the deadline, in place of a timer. Returns a function that stops waiting. */
  readonly onDeadline: typeof atDeadline | undefined;
  /** The span of the request. */
  span: SpanIds | undefined;
  /** Whether the span of the handler was opened. */
  handlerSpanOpened: boolean;
  /** Whether the handler ran. */
  executed: Executed;
  /** `performance.now()` at which the handler started. */
  startedAt: number | undefined;
  /** `performance.now()` at which the runner stopped waiting for the handler. */
  endedAt: number | undefined;
  /** What the handler threw. */
  thrown: unknown;
  /** What a handler in this process has promised. */
  pending: Promise<unknown> | undefined;
  /** The encoded result of a handler in an isolate. It settles even after the runner stopped waiting. */
  isolateResult: Promise<Uint8Array> | undefined;
}

/** An execution that has not started. */
export const newExecution = (
  host: ExecutionHost,
  invocation: Invocation,
  method: RegisteredMethod | undefined,
  onDeadline?: typeof atDeadline,
): Execution => {
  const deadlineAt = invocation.arrivedAt + invocation.timeoutMs;
  return {
    host,
    invocation,
    method,
    deadlineAt: () => deadlineAt,
    onDeadline,
    span: undefined,
    handlerSpanOpened: false,
    executed: "no",
    startedAt: undefined,
    endedAt: undefined,
    thrown: undefined,
    pending: undefined,
    isolateResult: undefined,
  };
};

/** Records why an interrupted stage ended: at its deadline, or because it was canceled. */
export const noteAborted = (deadlineAt: number, span: StageSpan): Effect.Effect<void> =>
  Effect.sync(() => span.setAttributes({ status: isDue(deadlineAt) ? "DEADLINE_EXCEEDED" : "CANCELLED" }));

/** Runs the body in the handler's span, which is that of an isolate. */
export const withHandlerSpan = <A>(
  execution: Execution,
  isolation: IsolateKind,
  body: (span: StageSpan) => Effect.Effect<A, CallError>,
): Effect.Effect<A, CallError> => {
  const { method, body: args, carrier } = execution.invocation;
  execution.handlerSpanOpened = true;
  return execution.host.telemetry.stage(
    { _tag: "handler", facts: { method, isolation, requestBytes: args.byteLength }, carrier },
    (span) => Effect.onInterrupt(body(span), () => noteAborted(execution.deadlineAt(), span)),
  );
};
