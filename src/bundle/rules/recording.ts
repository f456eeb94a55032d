/**
 * Recording rules: counters whose rates miss no event, and shares of failed calls.
 *
 * A series of a new status appears with its first failure, at 1 or more. A rate needs two samples, so it misses that
 * first step, which at low traffic may be the only one. So failures are first summed within their process, together
 * with a 0 that exists as soon as the process has a pool or a call: the sum goes from 0 to 1, and the rate sees it. The
 * sum decreases only when its process restarts, and then all of it starts again, so its rates are correct. Sums over
 * processes are built from rates, never the other way round.
 */
import { metrics, type MetricSpec } from "../../telemetry/catalog.ts";
import { type MetricKey, series, type Where } from "../series.ts";
import type { BundleSettings } from "../settings.ts";
import { burnRates, burnWindows, type Window } from "./burn-rate.ts";

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

export interface RecordingGroup {
  readonly name: string;
  /** Evaluation interval, if it differs from the default. */
  readonly interval?: string;
  readonly rules: ReadonlyArray<RecordingRule>;
}

/** Counters of one process. They keep the labels of the scrape target and those in their name. */
export const counters = {
  /** Calls that count for the objective. */
  calls: "instance:flame_calls:sum",
  /** Calls that count for the objective and failed. */
  failures: "instance:flame_call_failures:sum",
  /** Calls of a method in a pool. */
  methodCalls: "instance_method:flame_calls:sum",
  /** Calls of a method in a pool that exceeded their deadline. */
  methodTimeouts: "instance_method:flame_call_timeouts:sum",
  /** Attempts, of all kinds. */
  attempts: "instance_pool:flame_attempts:sum",
  /** First attempts of calls. */
  firstAttempts: "instance_pool:flame_attempts_first:sum",
  /** Attempts that either side rejected because of a signature. */
  refusedAttempts: "instance_pool:flame_attempts_unauthenticated:sum",
} as const;

/** Share of a job's calls that failed over a window; no result without calls. */
export const failureShare = (window: Window): string => `job:flame_call_failures:ratio_rate${window}`;

/** Number of a job's calls that failed over a window. */
export const failureCount = (window: Window): string => `job:flame_call_failures:increase${window}`;

/** Number of a job's calls that count for the objective over a window. */
export const callCount = (window: Window): string => `job:flame_calls:increase${window}`;

type CountedKey = "callDuration" | "attemptDuration";

const sumWithin = (dropped: ReadonlyArray<string>, selector: string): string =>
  `sum without (${dropped.join(", ")}) (${selector})`;

const labelsBut = (key: MetricKey, ...kept: ReadonlyArray<string>): ReadonlyArray<string> => {
  const { labels }: MetricSpec = metrics[key];
  return labels.filter((label) => !kept.includes(label));
};

/** Joins alternatives with `or`: the first with a result wins. */
const firstOf = (...exprs: ReadonlyArray<string>): string => exprs.join("\nor ");

const counterRules = ({ selector, slo }: BundleSettings): ReadonlyArray<RecordingRule> => {
  const count = <Key extends CountedKey>(key: Key, where: Where<Key>): string =>
    series<CountedKey>(key, where, "count", selector);
  const limit = series("slotsLimit", {}, undefined, selector);

  const ofProcess = (where: Where<"callDuration">): string =>
    sumWithin(labelsBut("callDuration"), count("callDuration", where));
  const zeroOfProcess = [`0 * ${ofProcess({})}`, `0 * max without (flame_pool_name) (${limit})`];

  const ofMethod = (where: Where<"callDuration">): string =>
    sumWithin(labelsBut("callDuration", "rpc_method", "flame_pool_name"), count("callDuration", where));

  const ofPool = (where: Where<"attemptDuration">): string =>
    sumWithin(labelsBut("attemptDuration", "flame_pool_name"), count("attemptDuration", where));
  const zeroOfPool = [`0 * ${ofPool({})}`, `0 * ${limit}`];

  const ignored = slo.ignoredStatuses;
  const failed = ["OK", ...ignored].join("|");
  return [
    {
      record: counters.calls,
      expr: firstOf(
        ofProcess(ignored.length === 0 ? {} : { rpc_status_code: ["!~", ignored.join("|")] }),
        ...zeroOfProcess,
      ),
    },
    {
      record: counters.failures,
      expr: firstOf(ofProcess({ rpc_status_code: ["!~", failed] }), ...zeroOfProcess),
    },
    { record: counters.methodCalls, expr: ofMethod({}) },
    {
      record: counters.methodTimeouts,
      expr: firstOf(ofMethod({ rpc_status_code: "DEADLINE_EXCEEDED" }), `0 * ${ofMethod({})}`),
    },
    { record: counters.attempts, expr: firstOf(ofPool({}), `0 * ${limit}`) },
    { record: counters.firstAttempts, expr: firstOf(ofPool({ attempt_kind: "first" }), ...zeroOfPool) },
    { record: counters.refusedAttempts, expr: firstOf(ofPool({ rpc_status_code: "UNAUTHENTICATED" }), ...zeroOfPool) },
  ];
};

const shareRule = (window: Window): RecordingRule => ({
  record: failureShare(window),
  expr: `sum by (job) (rate(${counters.failures}[${window}]))\n/\n(sum by (job) (rate(${counters.calls}[${window}])) > 0)`,
});

const failureCountRule = (window: Window): RecordingRule => ({
  record: failureCount(window),
  expr: `sum by (job) (increase(${counters.failures}[${window}]))`,
});

const callCountRule = (window: Window): RecordingRule => ({
  record: callCount(window),
  expr: `sum by (job) (increase(${counters.calls}[${window}]))`,
});

/** The rules that must be loaded where the alerts are evaluated, including the Prometheus that Grafana queries. */
export const recordingGroups = (settings: BundleSettings): ReadonlyArray<RecordingGroup> => {
  const rates = Object.values(burnRates(settings.slo));
  const long = new Set(rates.map((rate) => rate.long));
  const recovery = new Set(rates.flatMap((rate) => rate.recovery));
  const rulesOf = (windows: ReadonlyArray<Window>): ReadonlyArray<RecordingRule> =>
    windows.flatMap((window) => [
      shareRule(window),
      ...(long.has(window) ? [failureCountRule(window)] : []),
      ...(recovery.has(window) ? [callCountRule(window)] : []),
    ]);
  return [
    { name: `${settings.uid}-counters`, rules: counterRules(settings) },
    { name: `${settings.uid}-failures`, rules: rulesOf(burnWindows.filter((window) => window !== "3d")) },
    { name: `${settings.uid}-failures-of-days`, interval: "2m", rules: rulesOf(["3d"]) },
  ];
};
