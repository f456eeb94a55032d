/** The errors of attempts that got no answer: what failed where, and whether the handler may have run. */
import type { RunnerExit } from "../contract/config/backend.ts";
import type { CallError, FlameErrorContext } from "../contract/errors.ts";
import { InvokeError } from "../contract/errors.ts";
import { messageOf } from "../contract/thrown.ts";
import type { Call } from "./run-call.ts";
import { errorContext } from "./run-call.ts";
import type { LeasedRunner, LostRunner } from "./pool/lease.ts";
import type { HttpFailure } from "./transport/transport.ts";

/** Which call an attempt is made for, and where. */
export interface AttemptPlace {
  readonly call: Call;
  readonly runner: LeasedRunner;
}

/** What every error of an attempt says. */
export const placeContext = ({ call, runner }: AttemptPlace): FlameErrorContext => ({
  ...errorContext(call),
  runnerId: runner.id,
});

/** The limit that was reached: that of the attempt, or that of the call. */
const limitText = ({ options, timeoutMs }: Call, reachedMs: number): string => {
  const own = options.retry?.attemptTimeoutMs;
  return own !== undefined && own === reachedMs ? `${own} ms (retry.attemptTimeoutMs)` : `${Math.round(timeoutMs)} ms`;
};

/** The attempt had its time. */
export const timedOut = (place: AttemptPlace, sent: boolean, reachedMs: number): CallError => {
  const { call, runner } = place;
  const what = sent
    ? `the runner ${runner.id} had the call and did not answer in time; the handler may have run`
    : `the call could not be sent to the runner ${runner.id} in time; the handler did not run`;
  return new InvokeError("timeout", `${call.method}: no result within ${limitText(call, reachedMs)}: ${what}.`, {
    ...placeContext(place),
    executed: sent ? "unknown" : "no",
    phase: sent ? "handler" : "network",
  });
};

/** What to do about the end of a runner. */
const adviceOn = ({ code, signal, outOfMemory }: RunnerExit): string => {
  if (outOfMemory === true)
    return " Give its runners more memory, fewer calls at a time (maxConcurrency), or fresh ones sooner (recycle.maxRssBytes).";
  if (signal === "SIGABRT" || code === 134)
    return " The runtime aborted it, most often for want of memory; the runner's last output says more.";
  return signal === "SIGKILL" ? " A SIGKILL that nobody sent is usually the kernel's, for want of memory." : "";
};

/** The runner was lost while it had the call. Its exit, where the backend told of it, is in the error's `details`. */
export const lost = (
  place: AttemptPlace,
  reason: string,
  runner: LostRunner | undefined,
  failure: HttpFailure | undefined,
): CallError => {
  const why = runner === undefined ? reason : `${reason}: it ${runner.how}`;
  const advice = runner === undefined ? "" : adviceOn(runner.exit);
  return new InvokeError(
    "transport_error",
    `${place.call.method}: the runner ${place.runner.id} was lost (${why}) while it had the call. The handler may have run.${advice}`,
    {
      ...placeContext(place),
      executed: "unknown",
      phase: "network",
      cause: failure?.cause,
      ...(runner === undefined ? {} : { details: { exit: runner.exit } }),
    },
  );
};

/** The arguments are larger than allowed, and were not sent. */
export const argumentsTooLarge = (call: Call, bytes: number, limit: number): CallError =>
  new InvokeError(
    "payload_too_large",
    `The arguments of ${call.method} have ${bytes} bytes; maxBodyBytes allows ${limit}. Nothing was sent. Send less, or a reference to it, or raise maxBodyBytes on both sides.`,
    { ...errorContext(call), executed: "no", retryable: false, phase: "encode" },
  );

/**
 * The answer is larger than allowed.
 *
 * @param bytes its size, where it is known to be a result that the runner has signed
 */
export const resultTooLarge = (
  method: string,
  bytes: number | undefined,
  limit: number,
  context: FlameErrorContext,
): CallError => {
  const what =
    bytes === undefined
      ? `The answer to ${method} has more than the ${limit} bytes that maxBodyBytes allows, and no signature that could be checked. The handler may have run. Check what answers at the runner's address.`
      : `${method} has run, and its result has ${bytes} bytes; maxBodyBytes of the caller allows ${limit}. Return less, or a reference to it, or raise maxBodyBytes on both sides.`;
  return new InvokeError("payload_too_large", what, {
    ...context,
    executed: bytes === undefined ? "unknown" : "yes",
    retryable: false,
    phase: "decode",
  });
};

/** The exchange failed. */
export const unanswered = (place: AttemptPlace, { sent, cause }: HttpFailure): CallError => {
  const { method } = place.call;
  const { id, url } = place.runner;
  const why = messageOf(cause);
  const what = sent
    ? `the connection to the runner ${id} at ${url} was lost: ${why}. The handler may have run.`
    : `the runner ${id} at ${url} could not be reached: ${why}. The handler did not run.`;
  return new InvokeError("transport_error", `${method}: ${what}`, {
    ...placeContext(place),
    phase: "network",
    executed: sent ? "unknown" : "no",
    cause,
  });
};
