/** The errors of attempts: what failed where, and whether the handler may have run. */
import type { RunnerExit } from "../contract/config/backend.ts";
import { type CallError, ConfigError, type FlameErrorContext, InvokeError } from "../contract/errors.ts";
import { copiesNote } from "../contract/process/copies.ts";
import { messageOf } from "../contract/thrown.ts";
import { type Call, errorContext } from "./call.ts";
import type { LeasedRunner, LostRunner } from "./pool/lease.ts";
import type { HttpFailure } from "./transport/transport.ts";

/** The call that an attempt belongs to, and the runner that it is made on. */
export interface AttemptSite {
  readonly call: Call;
  readonly runner: LeasedRunner;
}

/** The fields that every error of an attempt has. */
export const runnerContext = ({ call, runner }: AttemptSite): FlameErrorContext => ({
  ...errorContext(call),
  runnerId: runner.id,
});

/** The limit that was reached: the one of the attempt, or the one of the call. */
const limitText = ({ options, timeoutMs }: Call, reachedMs: number): string => {
  const own = options.retry?.attemptTimeoutMs;
  return own !== undefined && own === reachedMs ? `${own} ms (retry.attemptTimeoutMs)` : `${Math.round(timeoutMs)} ms`;
};

/** The attempt exceeded its time. */
export const timedOut = (site: AttemptSite, sent: boolean, reachedMs: number): CallError => {
  const { call, runner } = site;
  const what = sent
    ? `runner ${runner.id} received the request but did not respond; the handler may have run`
    : `the request could not be sent to runner ${runner.id}; the handler did not run`;
  return new InvokeError("timeout", `${call.method}: timed out after ${limitText(call, reachedMs)}: ${what}.`, {
    ...runnerContext(site),
    executed: sent ? "unknown" : "no",
    phase: sent ? "handler" : "network",
  });
};

/** What to do about a runner that exited. */
const adviceOn = ({ code, signal, outOfMemory }: RunnerExit): string => {
  if (outOfMemory === true)
    return " Give the runners more memory, fewer calls at a time (maxConcurrency), or replace them earlier (recycle.maxRssBytes).";
  if (signal === "SIGABRT" || code === 134)
    return " The runtime aborted it, usually because it ran out of memory; see the last output of the runner.";
  return signal === "SIGKILL" ? " An unexplained SIGKILL is usually the kernel's OOM killer." : "";
};

/**
 * The runner was lost while handling the call. Its exit, if the backend reported one, is in the `details` of the error.
 */
export const lost = (
  site: AttemptSite,
  reason: string,
  runner: LostRunner | undefined,
  failure: HttpFailure | undefined,
): CallError => {
  const why = runner === undefined ? reason : `${reason}: it ${runner.how}`;
  const advice = runner === undefined ? "" : adviceOn(runner.exit);
  return new InvokeError(
    "transport_error",
    `${site.call.method}: runner ${site.runner.id} was lost (${why}) while handling the call. The handler may have run.${advice}`,
    {
      ...runnerContext(site),
      executed: "unknown",
      phase: "network",
      cause: failure?.cause,
      ...(runner === undefined ? {} : { details: { exit: runner.exit } }),
    },
  );
};

/** The arguments are too large and were not sent. */
export const argumentsTooLarge = (call: Call, bytes: number, limit: number): CallError =>
  new InvokeError(
    "payload_too_large",
    `The arguments of ${call.method} have ${bytes} bytes; maxBodyBytes allows ${limit}. Nothing was sent. Send less data, send a reference to it, or raise maxBodyBytes on both sides.`,
    { ...errorContext(call), executed: "no", retryable: false, phase: "encode" },
  );

/** The exchange with the runner failed. */
export const unanswered = (site: AttemptSite, { sent, cause }: HttpFailure): CallError => {
  const { method } = site.call;
  const { id, url } = site.runner;
  const why = messageOf(cause);
  const what = sent
    ? `lost the connection to runner ${id} at ${url}: ${why}. The handler may have run.`
    : `cannot reach runner ${id} at ${url}: ${why}. The handler did not run.`;
  return new InvokeError("transport_error", `${method}: ${what}`, {
    ...runnerContext(site),
    phase: "network",
    executed: sent ? "unknown" : "no",
    cause,
  });
};

/** The call names a pool that is not configured. */
export const unknownPool = (call: Call): CallError => {
  const known = [...call.client.pools.keys()].join(", ");
  const hint = known === "" ? copiesNote() : "";
  return new ConfigError(
    `${call.method}: there is no pool "${call.pool}" (known pools: ${known || "none"}). Add it to pools, or set runnerUrl or a backend.${hint}`,
    errorContext(call),
  );
};

/** There is no secret to sign requests with. */
export const noSecret = (call: Call): CallError =>
  new ConfigError(
    `${call.method}: there is no secret to sign requests with. Set security.secret or FLAME_SECRET to the secret of the runners of pool "${call.pool}".`,
    errorContext(call),
  );
