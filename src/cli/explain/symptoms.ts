/** What was wrong with a call, as far as its story says so, and the alerts that watch for it. */
import { alertOf, type AlertName, type NearAlert, runbookOf, type Symptom } from "../alerts.ts";
import type { CallReport } from "./call-report.ts";

type Told = Omit<CallReport, "alerts">;

/** From this share of a call on, waiting is worth a word. */
const muchOfIt = 0.25;
/** What the alert on slow acquires calls slow. */
const slowAcquireMs = 1_000;
/** A difference of clocks that no network explains. */
const skewMs = 1_000;

const waitedFor = ({ waits }: Told, source: string): number =>
  waits.filter((wait) => wait.source === source).reduce((sum, { durationMs }) => sum + durationMs, 0);

const timeout = ({ failure }: Told, inAcquire: boolean): boolean =>
  failure?.code === "timeout" && (failure.phase === "acquire") === inAcquire;

const largestOffset = ({ attempts }: Told): number =>
  Math.max(0, ...attempts.map(({ shownShiftMs }) => Math.abs(shownShiftMs)));

/** How each symptom shows, as the words for it. In the order of the alerts: what is nearer to the cause comes first. */
const signs: Readonly<Record<Exclude<Symptom, "metricsAbsent">, (told: Told) => string | undefined | false>> = {
  signature: ({ failure }) => failure?.code === "signature_error" && "a signature was refused",
  clock: (told) => largestOffset(told) >= skewMs && "the clocks of parent and runner differ",
  bootFailed: ({ failure, waits }) =>
    (failure?.code === "no_runner" ||
      waits.some(({ obstacles }) => obstacles.some(({ what, failed }) => what === "boot" && failed))) &&
    "a runner did not come up",
  noSlotInTime: (told) => timeout(told, true) && "no slot came before the deadline",
  poolFull: ({ failure }) => failure?.code === "overloaded" && "the pool had no room",
  runnerLost: ({ attempts, lostRunners }) =>
    (lostRunners.length > 0 ||
      attempts.some(({ errorCode, executed }) => errorCode === "transport_error" && executed === "unknown")) &&
    "a runner was lost under the call",
  retryBudget: ({ refused }) => refused?.obstacle === "budget" && "the pool's retry budget is used up",
  deadline: (told) => timeout(told, false) && "the deadline came while it was at work",
  failed: ({ failure }) => failure !== undefined && failure.status !== "CANCELLED" && "the call failed",
  coldStart: ({ coldStart }) =>
    coldStart !== undefined && coldStart.share >= muchOfIt && "it waited for a runner to boot",
  queuedInLine: (told) =>
    waitedFor(told, "queued") >= muchOfIt * told.durationMs &&
    told.waits.some(({ source, queueDepth }) => source === "queued" && (queueDepth ?? 0) > 0) &&
    "it waited for a busy runner, behind other calls",
  queued: (told) =>
    waitedFor(told, "queued") >= muchOfIt * told.durationMs && told.waits.length > 0 && "it waited for a busy runner",
  acquireSlow: ({ waits }) =>
    waits.some(({ durationMs }) => durationMs >= slowAcquireMs) && "it took more than a second to get a slot",
  retried: ({ attempts }) => attempts.some(({ kind }) => kind === "retry") && "it took more than one attempt",
  spansLost: ({ attempts }) => attempts.some(({ missing }) => missing !== undefined) && "spans of a runner are missing",
};

/** The alerts that watch for what was wrong with the call, the nearest first. */
export const nearestAlerts = (told: Told): ReadonlyArray<NearAlert> => {
  const found = new Map<AlertName, NearAlert>();
  for (const [symptom, sign] of Object.entries(signs)) {
    const because = sign(told);
    const alert = alertOf[symptom as Symptom];
    if (typeof because === "string" && !found.has(alert))
      found.set(alert, { alert, because, runbook: runbookOf(alert) });
  }
  return [...found.values()];
};
