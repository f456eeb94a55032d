/** Puts the story of a call together from its trace. */
import { httpStatus } from "../../contract/wire/envelope.ts";
import { type FlameErrorCode, InvokeError } from "../../contract/errors.ts";
import { type attributes, type CallPhase, logs, phases } from "../../telemetry/catalog.ts";
import { type AttemptStory, tellAttempts } from "./attempts.ts";
import { hasFailed, isTrue, lengthMs, methodOf, numberOf, textOf } from "./facts.ts";
import { tellFirstError } from "./first-error.ts";
import type { CallReport, Failure, PhaseShare, RetrySafety } from "./call-report.ts";
import { nearestAlerts } from "./symptoms.ts";
import type { Span } from "./telemetry-data.ts";
import { drawTimeline } from "./timeline.ts";
import type { TraceIndex } from "./trace-index.ts";
import { tellColdStart, tellWaits } from "./waits.ts";

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

const tellPhases = (call: Span): ReadonlyArray<PhaseShare> => {
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
    return { safe: true, why: again ? "the handler did not run" : "the handler did not run, but it would fail again" };
  }
  return { safe: false, why: executed === "yes" ? "the handler ran" : "the handler may have run" };
};

const tellFailure = (call: Span): Failure | undefined => {
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

const obstacles: Readonly<Record<string, string>> = {
  budget: "the retry budget of the pool is used up: too many attempts fail there",
  deadline: "the next attempt would have started after the deadline",
  max_attempts: "all attempts that its options allow were made",
  condition: "retry.on does not match the error",
};

const tellRefusal = (index: TraceIndex, call: Span): CallReport["refused"] => {
  const obstacle = textOf(call, "retryRefused");
  if (obstacle === undefined) return undefined;
  const record = index.logsOf([call]).find(({ event }) => event === logs.retryRefused.name);
  const said = record && textOf(record, "reason");
  return { obstacle, text: said ?? obstacles[obstacle] ?? obstacle };
};

/** A loss is noticed by the call first, and told of a little later. */
const lossIsToldMs = 2_000;

/** What the log says of the runners that did not answer, while the call went on. */
const tellLostRunners = (
  index: TraceIndex,
  call: Span,
  attempts: ReadonlyArray<AttemptStory>,
): ReadonlyArray<string> => {
  const silent = attempts.filter(({ errorCode, missing }) => errorCode === "transport_error" || missing === "lost");
  const runners = new Set(silent.map(({ runnerId }) => runnerId));
  return index
    .logsNamed(logs.runnerLost.name)
    .filter(({ timeMs }) => timeMs >= call.startMs && timeMs <= call.endMs + lossIsToldMs)
    .filter((record) => runners.has(textOf(record, "runnerId")))
    .map(({ body }) => body);
};

/** Tells the story of a call. */
export const analyzeCall = (index: TraceIndex, call: Span): CallReport => {
  const attempts = tellAttempts(index, call);
  const waits = tellWaits(index, call);
  const told = {
    method: methodOf(call),
    pool: textOf(call, "pool"),
    traceId: call.traceId,
    spanId: call.spanId,
    invocationId: textOf(call, "invocationId"),
    startedAt: new Date(call.startMs).toISOString(),
    durationMs: lengthMs(call),
    deadlineMs: numberOf(call, "deadlineMs"),
    detached: isTrue(call, "detached"),
    failure: tellFailure(call),
    phases: tellPhases(call),
    timeline: drawTimeline(index, call),
    attemptCount: numberOf(call, "attemptCount") ?? attempts.length,
    attempts,
    acquireSource: textOf(call, "acquireSource"),
    waits,
    coldStart: tellColdStart(call, waits),
    refused: tellRefusal(index, call),
    firstError: tellFirstError(index, call),
    lostRunners: tellLostRunners(index, call, attempts),
  };
  return { ...told, alerts: nearestAlerts(told) };
};
