/**
 * A run from its encoded arguments to its encoded result, where the handler is: on
 * the runner's own event loop, or inside of an isolate.
 */
import * as Effect from "effect/Effect";
import type { Codec } from "../../contract/codec/codec.ts";
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import { type CallError, FlameError, InvokeError } from "../../contract/errors.ts";
import { isInstance, messageOf } from "../../contract/thrown.ts";
import type { StageSpan } from "../../telemetry/telemetry.ts";
import { execute } from "./call-handler.ts";
import type { Run } from "./execution.ts";

export interface PerformDeps {
  readonly codec: Codec;
  /** Most bytes of an encoded result. */
  readonly maxBodyBytes: number;
}

/** Runs something inside the span of the handler. */
export type WithHandlerSpan = (
  inside: (span: StageSpan) => Effect.Effect<Uint8Array, CallError>,
) => Effect.Effect<Uint8Array, CallError>;

/** What the codec threw, as an error of ours that says whether the handler ran. */
const codecError = (thrown: unknown, executed: "no" | "yes"): InvokeError => {
  const phase = executed === "no" ? "runner_queue" : "encode";
  const isOurs = isInstance(thrown, FlameError);
  return new InvokeError(isOurs ? thrown.code : "serialization_error", messageOf(thrown), {
    executed,
    phase,
    retryable: false,
    details: isOurs ? thrown.details : undefined,
    cause: thrown,
  });
};

const requireArguments = (args: unknown, what: string): ReadonlyArray<unknown> => {
  if (Array.isArray(args)) return args;
  throw new InvokeError("serialization_error", `The ${what} are not an array.`);
};

const decodeArguments = (codec: Codec, { method, body }: Invocation): ReadonlyArray<unknown> => {
  const what = `arguments of ${method}`;
  return requireArguments(codec.decode(body, what), what);
};

/** The arguments of a message that takes long to read: other invocations go on meanwhile. */
const decodeArgumentsInSlices = (
  codec: Codec,
  { method, body }: Invocation,
): Effect.Effect<ReadonlyArray<unknown>, InvokeError> => {
  const what = `arguments of ${method}`;
  return Effect.tryPromise({
    try: async (signal) => requireArguments(await codec.decodeInSlices(body, what, signal), what),
    catch: (thrown) => codecError(thrown, "no"),
  });
};

const encodeResult = ({ codec, maxBodyBytes }: PerformDeps, method: string, value: unknown): Uint8Array => {
  const body = codec.encode(value, `result of ${method}`);
  if (body.byteLength <= maxBodyBytes) return body;
  throw new InvokeError(
    "payload_too_large",
    `The result of ${method} has ${body.byteLength} bytes; maxBodyBytes allows ${maxBodyBytes}. Return less, or a reference to it, or raise maxBodyBytes on both sides.`,
  );
};

/** The error of an invocation whose time was over before its handler could start. */
export const tooLate = ({ method, runnerId }: Run): InvokeError =>
  new InvokeError(
    "timeout",
    `The deadline of ${method.name} was over before its handler could start on runner ${runnerId}. It did not run.`,
    { executed: "no", phase: "runner_queue" },
  );

/** Whether its time is over. */
export const isLate = ({ deadlineAt }: Run): boolean => !(deadlineAt() > performance.now());

const performWith = (
  deps: PerformDeps,
  run: Run,
  args: ReadonlyArray<unknown>,
  inSpan: WithHandlerSpan,
): Effect.Effect<Uint8Array, CallError> => {
  if (isLate(run)) return Effect.fail(tooLate(run));
  const encode = (value: unknown): Uint8Array => encodeResult(deps, run.method.name, value);
  run.late = () => run.pending?.then(encode);
  return inSpan((span) =>
    Effect.flatMap(execute(run, args, span), (value) => {
      try {
        const body = encode(value);
        span.setAttributes({ responseBytes: body.byteLength });
        return Effect.succeed(body);
      } catch (thrown) {
        return Effect.fail(codecError(thrown, "yes"));
      }
    }),
  );
};

/** Decodes, and within the handler's span executes and encodes. */
export const perform = (deps: PerformDeps, run: Run, inSpan: WithHandlerSpan): Effect.Effect<Uint8Array, CallError> => {
  if (!deps.codec.isQuickToDecode(run.invocation.body)) {
    return Effect.flatMap(decodeArgumentsInSlices(deps.codec, run.invocation), (args) =>
      performWith(deps, run, args, inSpan),
    );
  }
  let args: ReadonlyArray<unknown>;
  try {
    args = decodeArguments(deps.codec, run.invocation);
  } catch (thrown) {
    return Effect.fail(codecError(thrown, "no"));
  }
  return performWith(deps, run, args, inSpan);
};
