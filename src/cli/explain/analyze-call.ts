/** Builds the report of a call from its trace. */
import { httpStatus } from "../../contract/wire/envelope.ts";
import { type FlameErrorCode, InvokeError } from "../../contract/errors.ts";
import { type attributes, type CallPhase, logs, phases } from "../../telemetry/catalog.ts";
import { type AttemptReport, analyzeAttempts } from "./attempts.ts";
import { hasFailed, isTrue, lengthMs, methodOf, numberOf, textOf } from "./facts.ts";
import { findFirstError } from "./first-error.ts";
import type { CallReport, Failure, PhaseShare, RetrySafety } from "./call-report.ts";
import { nearestAlerts } from "./symptoms.ts";
import type { Span } from "./telemetry-data.ts";
import { drawTimeline } from "./timeline.ts";
import type { TraceIndex } from "./trace-index.ts";
import { analyzeColdStart, analyzeWaits } from "./waits.ts";

const phaseKeys: Readonly<Record<CallPhase, keyof typeof attributes>> = {
  acquire: "phaseAcquireMs",
  encode: "phaseEncodeMs",
  network: "phaseNetworkMs",
  runner_queue: "phaseRunnerQueueMs",
  handler: "phaseHandlerMs",
  decode: "phaseDecodeMs",
  backoff: "phaseBackoffMs",
  other: "phaseOtherMs",
};

const phaseSharesOf = (call: Span): ReadonlyArray<PhaseShare> => {
  const total = lengthMs(call);
  return phases.flatMap((phase) => {
    const ms = numberOf(call, phaseKeys[phase]);
    return ms === undefined ? [] : [{ phase, ms, share: total > 0 ? Math.min(1, ms / total) : 0 }];
  });
};

const isCode = (code: string | undefined): code is FlameErrorCode =>
  code !== undefined && Object.hasOwn(httpStatus, code);

const retrySafety = (code: string | undefined, executed: string | undefined): RetrySafety => {
  if (executed === "no") {
    const again = isCode(code) && new InvokeError(code, "").retryable;
    return {
      safe: true,
      why: again ? "the handler did not run" : "the handler did not run, but a retry would fail again",
    };
  }
  return { safe: false, why: executed === "yes" ? "the handler ran" : "the handler may have run" };
};

const failureOf = (call: Span): Failure | undefined => {
  if (!hasFailed(call)) return undefined;
  const code = textOf(call, "errorCode");
  const executed = textOf(call, "executed");
  return {
    status: textOf(call, "status") ?? textOf(call, "errorType") ?? "UNKNOWN",
    code,
    phase: textOf(call, "errorPhase"),
    executed,
    message: call.statusMessage,
    retrySafety: retrySafety(code, executed),
  };
};

const denialReasons: Readonly<Record<string, string>> = {
  budget: "the retry budget of the pool is used up because too many attempts fail",
  deadline: "the next attempt would have started after the deadline",
  max_attempts: "it reached its maximum number of attempts",
  condition: "retry.on does not match the error",
};

const retryDenialOf = (index: TraceIndex, call: Span): CallReport["refused"] => {
  const obstacle = textOf(call, "retryRefused");
  if (obstacle === undefined) return undefined;
  const record = index.logsOf([call]).find(({ event }) => event === logs.retryRefused.name);
  const logged = record && textOf(record, "reason");
  return { obstacle, text: logged ?? denialReasons[obstacle] ?? obstacle };
};

/** How long after the call's end the loss of a runner may be logged, in milliseconds. */
const lossLogDelayMs = 2_000;

/** Returns the log messages about lost runners among those that did not respond. */
const lostRunnersOf = (
  index: TraceIndex,
  call: Span,
  attempts: ReadonlyArray<AttemptReport>,
): ReadonlyArray<string> => {
  const unanswered = attempts.filter(({ errorCode, missing }) => errorCode === "transport_error" || missing === "lost");
  const runners = new Set(unanswered.map(({ runnerId }) => runnerId));
  return index
    .logsNamed(logs.runnerLost.name)
    .filter(({ timeMs }) => timeMs >= call.startMs && timeMs <= call.endMs + lossLogDelayMs)
    .filter((record) => runners.has(textOf(record, "runnerId")))
    .map(({ body }) => body);
};

/** Builds the report of a call. */
export const analyzeCall = (index: TraceIndex, call: Span): CallReport => {
  const attempts = analyzeAttempts(index, call);
  const waits = analyzeWaits(index, call);
  const report = {
    method: methodOf(call),
    pool: textOf(call, "pool"),
    traceId: call.traceId,
    spanId: call.spanId,
    invocationId: textOf(call, "invocationId"),
    startedAt: new Date(call.startMs).toISOString(),
    durationMs: lengthMs(call),
    deadlineMs: numberOf(call, "deadlineMs"),
    detached: isTrue(call, "detached"),
    failure: failureOf(call),
    phases: phaseSharesOf(call),
    timeline: drawTimeline(index, call),
    attemptCount: numberOf(call, "attemptCount") ?? attempts.length,
    attempts,
    acquireSource: textOf(call, "acquireSource"),
    waits,
    coldStart: analyzeColdStart(call, waits),
    refused: retryDenialOf(index, call),
    firstError: findFirstError(index, call),
    lostRunners: lostRunnersOf(index, call, attempts),
  };
  return { ...report, alerts: nearestAlerts(report) };
};
