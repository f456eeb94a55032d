/** One attempt in local mode: the same stages and the same encoding, with a function call in place of the network. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import type { Dispatcher, InvocationReply } from "../contract/wire/dispatcher.ts";
import { type CallError, executedByEither, withContext } from "../contract/errors.ts";
import { type AttemptCause, attemptFields } from "./attempt-cause.ts";
import { attemptMs, type Call, countAttempt, errorContext, errorOf, remainingMs } from "./call.ts";
import { readBody, type ResponseResult } from "./read-response.ts";

const read = (call: Call, reply: InvocationReply): Effect.Effect<unknown, CallError> => {
  const startedAt = performance.now();
  const finish = (result: ResponseResult): Effect.Effect<unknown, CallError> => {
    call.phases.decode += performance.now() - startedAt;
    if ("value" in result) return Effect.succeed(result.value);
    return Effect.fail(reply.thrown === undefined ? result.error : withContext(result.error, { cause: reply.thrown }));
  };
  const result = readBody(reply.outcome, reply.body, call.method, call.client.codec, () => errorContext(call));
  return result instanceof Promise
    ? Effect.flatMap(
        Effect.promise(() => result),
        finish,
      )
    : finish(result);
};

const dispatchLocally = (local: Dispatcher, call: Call, cause: AttemptCause): Effect.Effect<unknown, CallError> => {
  countAttempt(call);
  const { telemetry } = call.client;
  const startedAt = performance.now();
  return telemetry.stage({ _tag: "attempt", host: call.origin.host, facts: attemptFields(call, cause) }, (span) => {
    const sentAt = performance.now();
    const dispatched = local.dispatch({
      method: call.method,
      invocationId: call.invocationId,
      attempt: call.attempts,
      timeoutMs: attemptMs(call),
      idempotencyKey: call.options.idempotencyKey,
      carrier: span.carrier,
      body: call.body,
      arrivedAt: sentAt,
      clockOffsetMs: undefined,
    });
    const replied =
      call.options.detached === true
        ? Effect.flatMap(Effect.forkDetach(dispatched, { startImmediately: true }), Fiber.join)
        : dispatched;
    return Effect.onExit(
      Effect.flatMap(replied, (reply) => {
        const exchangeMs = performance.now() - sentAt;
        const handlerMs = Math.min(reply.timings.handlerMs, exchangeMs);
        call.phases.handler += handlerMs;
        call.phases.runner_queue += exchangeMs - handlerMs;
        span.setAttributes({ responseBytes: reply.body.byteLength });
        return read(call, reply);
      }),
      (exit) =>
        Effect.sync(() => {
          if (Exit.hasInterrupts(exit)) call.executed = executedByEither(call.executed, "unknown");
          telemetry.emit({
            _tag: "AttemptEnded",
            method: call.method,
            pool: call.pool,
            kind: cause.kind,
            durationMs: performance.now() - startedAt,
            error: errorOf(exit, call),
            span: span.ids,
          });
        }),
    );
  });
};

/** Makes one attempt in this process. */
export const localAttempt = (local: Dispatcher, call: Call, cause: AttemptCause): Effect.Effect<unknown, CallError> => {
  const prepared = local.prepare?.(remainingMs(call));
  if (prepared === undefined) return dispatchLocally(local, call, cause);
  return Effect.flatMap(
    Effect.mapError(prepared, (error) => withContext(error, errorContext(call))),
    () => dispatchLocally(local, call, cause),
  );
};
