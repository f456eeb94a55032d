/** Runs one call: encodes the arguments, makes attempts until one succeeds, and reports the outcome. */
import * as Effect from "effect/Effect";
import { untilAborted } from "../contract/api/caller.ts";
import { type CallError, withContext } from "../contract/errors.ts";
import { argumentsTooLarge } from "./attempt-errors.ts";
import {
  type Call,
  type CallOrigin,
  type CallRequest,
  canceled,
  type ClientContext,
  errorContext,
  errorOf,
  inheritedSignal,
  startCall,
} from "./call.ts";
import { withRetries } from "./retry-loop.ts";

/** Encodes the arguments, once for all attempts. */
const encodeArguments = (call: Call): CallError | undefined => {
  const { codec, config } = call.client;
  try {
    call.body = codec.encode(call.args, `arguments of ${call.method}`);
    const bytes = call.body.byteLength;
    return bytes > config.maxBodyBytes ? argumentsTooLarge(call, bytes, config.maxBodyBytes) : undefined;
  } catch (error) {
    return withContext(error as CallError, { ...errorContext(call), executed: "no", phase: "encode" });
  }
};

/** A call as an effect. Each run of the effect is a call of its own. */
export const runCall = (
  client: ClientContext,
  request: CallRequest,
  origin: CallOrigin,
): Effect.Effect<unknown, CallError> =>
  Effect.suspend(() => {
    const { telemetry } = client;
    const call = startCall(client, request, origin);
    const { method, pool, invocationId, options, phases } = call;
    telemetry.emit({ _tag: "CallStarted", method, pool });
    return telemetry.stage(
      {
        _tag: "call",
        method,
        host: origin.host,
        linkTo: origin.linkTo,
        facts: {
          pool,
          invocationId,
          deadlineMs: call.timeoutMs,
          idempotencyKey: options.idempotencyKey === undefined ? undefined : true,
          detached: options.detached === true ? true : undefined,
        },
      },
      (span) => {
        call.span = span.ids;
        const encodingAt = performance.now();
        const unsendable = encodeArguments(call);
        phases.encode += performance.now() - encodingAt;
        const inherited = inheritedSignal(call);
        const attempts =
          unsendable !== undefined
            ? Effect.fail(unsendable)
            : options.signal === undefined && inherited === undefined
              ? withRetries(call)
              : untilAborted(
                  Effect.suspend(() => withRetries(call)),
                  [inherited, options.signal],
                  (reason) => canceled(call, reason),
                );
        return Effect.onExitPrimitive(attempts, (exit) => {
          const error = exit._tag === "Success" ? undefined : errorOf(exit, call);
          call.lease?.release();
          if (error === undefined) call.poolContext?.retryBudget?.succeeded(call.tookRetryToken);
          const durationMs = performance.now() - call.startedAt;
          const { acquire, encode, network, runner_queue, handler, decode, backoff } = phases;
          // The phases sum up to the duration.
          phases.other = Math.max(
            0,
            durationMs - (acquire + encode + network + runner_queue + handler + decode + backoff),
          );
          if (span.ids !== undefined) {
            span.setAttributes({
              attemptCount: call.attempts,
              retryRefused: call.retryDenied,
              coldStart: call.coldStart,
              ...call.acquired,
              phaseAcquireMs: acquire,
              phaseEncodeMs: encode,
              phaseNetworkMs: network,
              phaseRunnerQueueMs: runner_queue,
              phaseHandlerMs: handler,
              phaseDecodeMs: decode,
              phaseBackoffMs: backoff,
              phaseOtherMs: phases.other,
            });
          }
          telemetry.emit({
            _tag: "CallEnded",
            method,
            pool,
            durationMs,
            attempts: call.attempts,
            phases,
            error,
            invocationId,
            span: span.ids,
          });
          return undefined;
        });
      },
    );
  });
