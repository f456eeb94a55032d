/** The errors of attempts that got no answer: what failed where, and whether the handler may have run. */
import type { CallError, FlameErrorContext } from "../contract/errors.ts";
import { InvokeError } from "../contract/errors.ts";
import type { Call } from "./call.ts";
import { errorContext } from "./call.ts";
import type { LeasedRunner } from "./pool/lease.ts";
import type { HttpFailure } from "./transport.ts";

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

/** The runner was lost while it had the call. */
export const lost = (place: AttemptPlace, reason: string): CallError =>
  new InvokeError(
    "transport_error",
    `${place.call.method}: the runner ${place.runner.id} was lost (${reason}) while it had the call. The handler may have run.`,
    { ...placeContext(place), executed: "unknown", phase: "network" },
  );

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
  const why = cause instanceof Error ? cause.message || cause.name : String(cause);
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
