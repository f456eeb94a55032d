/** Derives the symptoms of a call from its report, and the alerts that monitor them. */
import { alertOf, type AlertName, type NearAlert, runbookOf, type Symptom } from "../alerts.ts";
import type { CallReport } from "./call-report.ts";

type AnalyzedCall = Omit<CallReport, "alerts">;

/** The share of a call from which waiting counts as a symptom. */
const significantShare = 0.25;
/** The time from which the alert on slow acquires counts a wait as slow. */
const slowAcquireMs = 1_000;
/** A clock difference that network delays cannot explain. */
const skewMs = 1_000;

const waitedFor = ({ waits }: AnalyzedCall, source: string): number =>
  waits.filter((wait) => wait.source === source).reduce((sum, { durationMs }) => sum + durationMs, 0);

const timeout = ({ failure }: AnalyzedCall, inAcquire: boolean): boolean =>
  failure?.code === "timeout" && (failure.phase === "acquire") === inAcquire;

const largestOffset = ({ attempts }: AnalyzedCall): number =>
  Math.max(0, ...attempts.map(({ shownShiftMs }) => Math.abs(shownShiftMs)));

/** Detects each symptom and describes it. In the order of the alerts: symptoms closer to the cause come first. */
const detectors: Readonly<
  Record<Exclude<Symptom, "metricsAbsent">, (call: AnalyzedCall) => string | undefined | false>
> = {
  signature: ({ failure }) => failure?.code === "signature_error" && "a signature check failed",
  clock: (call) => largestOffset(call) >= skewMs && "the clocks of parent and runner differ",
  bootFailed: ({ failure, waits }) =>
    (failure?.code === "no_runner" ||
      waits.some(({ obstacles }) => obstacles.some(({ what, failed }) => what === "boot" && failed))) &&
    "a runner failed to boot",
  noSlotInTime: (call) => timeout(call, true) && "the deadline passed before a slot was free",
  poolFull: ({ failure }) => failure?.code === "overloaded" && "the pool was full",
  runnerLost: ({ attempts, lostRunners }) =>
    (lostRunners.length > 0 ||
      attempts.some(({ errorCode, executed }) => errorCode === "transport_error" && executed === "unknown")) &&
    "a runner was lost while handling the call",
  retryBudget: ({ refused }) => refused?.obstacle === "budget" && "the pool's retry budget is used up",
  deadline: (call) => timeout(call, false) && "the deadline passed while the call was running",
  failed: ({ failure }) => failure !== undefined && failure.status !== "CANCELLED" && "the call failed",
  coldStart: ({ coldStart }) =>
    coldStart !== undefined && coldStart.share >= significantShare && "it waited for a runner to boot",
  queuedInLine: (call) =>
    waitedFor(call, "queued") >= significantShare * call.durationMs &&
    call.waits.some(({ source, queueDepth }) => source === "queued" && (queueDepth ?? 0) > 0) &&
    "it waited for a busy runner, behind other calls",
  queued: (call) =>
    waitedFor(call, "queued") >= significantShare * call.durationMs &&
    call.waits.length > 0 &&
    "it waited for a busy runner",
  acquireSlow: ({ waits }) =>
    waits.some(({ durationMs }) => durationMs >= slowAcquireMs) && "acquiring a slot took more than a second",
  retried: ({ attempts }) => attempts.some(({ kind }) => kind === "retry") && "it needed more than one attempt",
  spansLost: ({ attempts }) => attempts.some(({ missing }) => missing !== undefined) && "spans of a runner are missing",
};

/** Returns the alerts for the symptoms of the call, the closest first. */
export const nearestAlerts = (call: AnalyzedCall): ReadonlyArray<NearAlert> => {
  const found = new Map<AlertName, NearAlert>();
  for (const [symptom, detect] of Object.entries(detectors)) {
    const because = detect(call);
    const alert = alertOf[symptom as Symptom];
    if (typeof because === "string" && !found.has(alert))
      found.set(alert, { alert, because, runbook: runbookOf(alert) });
  }
  return [...found.values()];
};
