/**
 * Runs an execution where its handler is, in the runner or in an isolate: decodes the arguments, calls the handler, and
 * encodes the result.
 */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { RegisteredMethod } from "../../contract/api/registry.ts";
import type { Codec } from "../../contract/codec/codec.ts";
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import { type CallError, InvokeError } from "../../contract/errors.ts";
import type { AnyFiber, StageSpan } from "../../telemetry/telemetry.ts";
import {
  codecError,
  encodeResult,
  type HandlerOwner,
  HandlerRun,
  type InvokeOptions,
  startedTooLate,
} from "./call-handler.ts";
import type { Execution } from "./execution.ts";

const notAnArray = ({ method }: Invocation): InvokeError =>
  new InvokeError("serialization_error", `The arguments of ${method} are not an array.`);

/** Decodes arguments that take long to decode. Other invocations go on in between. */
const decodeInSlices = (codec: Codec, invocation: Invocation): Effect.Effect<ReadonlyArray<unknown>, InvokeError> =>
  Effect.tryPromise({
    try: async (signal) => {
      const args = await codec.decodeInSlices(invocation.body, `arguments of ${invocation.method}`, signal);
      if (!Array.isArray(args)) throw notAnArray(invocation);
      return args;
    },
    catch: (thrown) => codecError(thrown, "no"),
  });

/** The encoded result of a handler that goes on after the runner stopped waiting; `undefined` if none goes on. */
export const lateResult = (
  options: InvokeOptions,
  { isolateResult, pending, invocation }: Execution,
): Promise<Uint8Array> | undefined =>
  isolateResult ?? pending?.then((value) => encodeResult(options, invocation.method, value));

/**
 * Decodes the arguments, calls the handler in its span, and encodes the result. For arguments that are quick to decode.
 * The result may be reported before this returns.
 *
 * @param fiber the fiber that it is in, if any
 * @param outer the stage that it is in, if it is not the one of the fiber
 * @param decoded the arguments, if they are decoded already
 */
export const invokeNow = (
  options: InvokeOptions,
  execution: Execution,
  method: RegisteredMethod,
  owner: HandlerOwner,
  fiber?: AnyFiber,
  outer?: StageSpan,
  decoded?: ReadonlyArray<unknown>,
): HandlerRun | undefined => {
  const { invocation } = execution;
  let args: unknown = decoded;
  try {
    args ??= options.codec.decode(invocation.body, `arguments of ${invocation.method}`);
    if (!Array.isArray(args)) throw notAnArray(invocation);
  } catch (thrown) {
    owner.onEnd(Exit.fail(codecError(thrown, "no")));
    return undefined;
  }
  if (!(execution.deadlineAt() > performance.now())) {
    owner.onEnd(Exit.fail(startedTooLate(execution)));
    return undefined;
  }
  const run = new HandlerRun(options, execution, method, owner, fiber, outer);
  run.start(args as ReadonlyArray<unknown>);
  return run;
};

type Resume = (result: Effect.Effect<Uint8Array, CallError>) => void;

/** Runs a handler in a fiber. Interrupting it aborts the handler's signal. */
const inFiber = (start: (owner: HandlerOwner, fiber: AnyFiber) => HandlerRun | undefined) =>
  Effect.withFiber<Uint8Array, CallError>((fiber) =>
    Effect.callback((resume: Resume) => {
      const run = start({ onEnd: resume }, fiber);
      return Effect.sync(() => run?.cancel());
    }),
  );

/** The same as an effect, for arguments of any size. */
export const invoke = (
  options: InvokeOptions,
  execution: Execution,
  method: RegisteredMethod,
): Effect.Effect<Uint8Array, CallError> =>
  options.codec.isQuickToDecode(execution.invocation.body)
    ? inFiber((owner, fiber) => invokeNow(options, execution, method, owner, fiber))
    : Effect.flatMap(decodeInSlices(options.codec, execution.invocation), (args) =>
        inFiber((owner, fiber) => invokeNow(options, execution, method, owner, fiber, undefined, args)),
      );
