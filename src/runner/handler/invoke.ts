/**
 * Runs an execution where its handler is, in the runner or in an isolate: decodes the arguments, calls the handler, and
 * encodes the result.
 */
import * as Effect from "effect/Effect";
import type { RegisteredMethod } from "../../contract/api/registry.ts";
import type { Codec } from "../../contract/codec/codec.ts";
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import { type CallError, FlameError, InvokeError } from "../../contract/errors.ts";
import { isInstance, messageOf } from "../../contract/thrown.ts";
import { callHandler } from "./call-handler.ts";
import { type Execution, withHandlerSpan } from "./execution.ts";

export interface InvokeOptions {
  readonly codec: Codec;
  /** Maximum size of an encoded result, in bytes. */
  readonly maxBodyBytes: number;
}

/** Converts what the codec threw to an error that tells whether the handler ran. */
const codecError = (thrown: unknown, executed: "no" | "yes"): InvokeError => {
  const isOurs = isInstance(thrown, FlameError);
  return new InvokeError(isOurs ? thrown.code : "serialization_error", messageOf(thrown), {
    executed,
    phase: executed === "no" ? "runner_queue" : "encode",
    retryable: false,
    details: isOurs ? thrown.details : undefined,
    cause: thrown,
  });
};

const requireArray = (args: unknown, { method }: Invocation): ReadonlyArray<unknown> => {
  if (Array.isArray(args)) return args;
  throw new InvokeError("serialization_error", `The arguments of ${method} are not an array.`);
};

/** Decodes arguments that take long to decode. Other invocations go on in between. */
const decodeInSlices = (codec: Codec, invocation: Invocation): Effect.Effect<ReadonlyArray<unknown>, InvokeError> =>
  Effect.tryPromise({
    try: async (signal) =>
      requireArray(
        await codec.decodeInSlices(invocation.body, `arguments of ${invocation.method}`, signal),
        invocation,
      ),
    catch: (thrown) => codecError(thrown, "no"),
  });

const encodeResult = ({ codec, maxBodyBytes }: InvokeOptions, method: string, value: unknown): Uint8Array => {
  const body = codec.encode(value, `result of ${method}`);
  if (body.byteLength <= maxBodyBytes) return body;
  throw new InvokeError(
    "payload_too_large",
    `The result of ${method} has ${body.byteLength} bytes; maxBodyBytes allows ${maxBodyBytes}. Return less data, return a reference to it, or raise maxBodyBytes on both sides.`,
  );
};

/** The encoded result of a handler that goes on after the runner stopped waiting; `undefined` if none goes on. */
export const lateResult = (
  options: InvokeOptions,
  { isolateResult, pending, invocation }: Execution,
): Promise<Uint8Array> | undefined =>
  isolateResult ?? pending?.then((value) => encodeResult(options, invocation.method, value));

/** The error of an invocation whose deadline passed before its handler started. */
export const startedTooLate = ({ invocation, host }: Execution): InvokeError =>
  new InvokeError(
    "timeout",
    `The deadline of ${invocation.method} passed before its handler started on runner ${host.runnerId}. The handler did not run.`,
    { executed: "no", phase: "runner_queue" },
  );

/** Whether the deadline has passed. */
export const isLate = ({ deadlineAt }: Execution): boolean => !(deadlineAt() > performance.now());

const invokeWith = (
  options: InvokeOptions,
  execution: Execution,
  method: RegisteredMethod,
  args: ReadonlyArray<unknown>,
): Effect.Effect<Uint8Array, CallError> => {
  if (isLate(execution)) return Effect.fail(startedTooLate(execution));
  return withHandlerSpan(execution, undefined, (span) =>
    Effect.flatMap(callHandler(execution, method, args, span), (value) => {
      try {
        const body = encodeResult(options, method.name, value);
        span.setAttributes({ responseBytes: body.byteLength });
        return Effect.succeed(body);
      } catch (thrown) {
        return Effect.fail(codecError(thrown, "yes"));
      }
    }),
  );
};

/** Decodes the arguments, calls the handler in its span, and encodes the result. */
export const invoke = (
  options: InvokeOptions,
  execution: Execution,
  method: RegisteredMethod,
): Effect.Effect<Uint8Array, CallError> => {
  const { codec } = options;
  const { invocation } = execution;
  if (!codec.isQuickToDecode(invocation.body)) {
    return Effect.flatMap(decodeInSlices(codec, invocation), (args) => invokeWith(options, execution, method, args));
  }
  let args: ReadonlyArray<unknown>;
  try {
    args = requireArray(codec.decode(invocation.body, `arguments of ${invocation.method}`), invocation);
  } catch (thrown) {
    return Effect.fail(codecError(thrown, "no"));
  }
  return invokeWith(options, execution, method, args);
};
