/** One attempt in local mode: the same stages and the same encoding, with a function call for a network. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import type { Codec } from "../contract/codec/codec.ts";
import type { Dispatcher, InvocationReply } from "../contract/wire/dispatcher.ts";
import type { CallError } from "../contract/errors.ts";
import { executedByEither, withContext } from "../contract/errors.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { type AttemptCause, attemptFacts } from "./attempt-cause.ts";

import type { Call } from "./run-call.ts";
import { attemptMs, errorContext, errorOf } from "./run-call.ts";
import { readBody, type ReplyResult } from "./read-response.ts";

export interface LocalAttemptDeps {
  readonly telemetry: Telemetry;
  readonly codec: Codec;
  readonly local: Dispatcher;
}

const read = (call: Call, codec: Codec, reply: InvocationReply): Effect.Effect<unknown, CallError> => {
  const startedAt = performance.now();
  const finish = (result: ReplyResult): Effect.Effect<unknown, CallError> => {
    call.phases.decode += performance.now() - startedAt;
    if ("value" in result) return Effect.succeed(result.value);
    return Effect.fail(reply.thrown === undefined ? result.error : withContext(result.error, { cause: reply.thrown }));
  };
  const result = readBody(reply.outcome, reply.body, call.method, codec, () => errorContext(call));
  return result instanceof Promise
    ? Effect.flatMap(
        Effect.promise(() => result),
        finish,
      )
    : finish(result);
};

/** Runs one attempt in this process. */
export const localAttempt = (
  { telemetry, codec, local }: LocalAttemptDeps,
  call: Call,
  body: Uint8Array,
  cause: AttemptCause,
): Effect.Effect<unknown, CallError> => {
  const startedAt = performance.now();
  return telemetry.stage(
    {
      _tag: "attempt",
      host: call.origin.host,
      facts: attemptFacts(call, body, cause),
    },
    (span) =>
      Effect.suspend(() => {
        const sentAt = performance.now();
        const dispatched = local.dispatch({
          method: call.method,
          invocationId: call.invocationId,
          attempt: call.attempts,
          timeoutMs: attemptMs(call),
          idempotencyKey: call.options.idempotencyKey,
          carrier: span.carrier,
          body,
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
            return read(call, codec, reply);
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
      }),
  );
};
