/**
 * The colors of all dashboards. The same thing has the same color everywhere: errors are red, retries orange, waiting
 * yellow, timeouts purple, work blue, and what is healthy is green.
 */
import type { metrics, CallPhase } from "../../telemetry/catalog.ts";

export const colors = {
  ok: "green",
  work: "blue",
  waiting: "yellow",
  retry: "orange",
  timeout: "purple",
  error: "red",
  quiet: "#8e8e8e",
} as const;

/** Colors of series by their name in the legend. */
export type SeriesColors = Readonly<Record<string, string>>;

type Known<Key extends keyof typeof metrics, Label extends string> = (typeof metrics)[Key] extends {
  readonly known: infer Values;
}
  ? Label extends keyof Values
    ? Values[Label] extends ReadonlyArray<infer Value extends string>
      ? Value
      : never
    : never
  : never;

export const phaseColors: Readonly<Record<CallPhase, string>> = {
  acquire: colors.waiting,
  encode: "super-light-blue",
  network: "light-purple",
  runner_queue: "super-light-yellow",
  handler: colors.work,
  decode: "light-blue",
  backoff: colors.retry,
  other: colors.quiet,
};

export const statusColors: SeriesColors = {
  OK: colors.ok,
  CANCELLED: colors.quiet,
  INVALID_ARGUMENT: "#b7b7b7",
  DEADLINE_EXCEEDED: colors.timeout,
  RESOURCE_EXHAUSTED: colors.waiting,
  UNAVAILABLE: "light-red",
  UNAUTHENTICATED: "dark-orange",
  UNIMPLEMENTED: "super-light-red",
  INTERNAL: colors.error,
  UNKNOWN: "dark-red",
};

export const quantileColors: SeriesColors = { p50: colors.ok, p95: colors.waiting, p99: colors.error };

export const runnerStateColors: Readonly<Record<Known<"runners", "state">, string>> = {
  busy: colors.work,
  idle: colors.ok,
  booting: colors.waiting,
  draining: colors.quiet,
  ejected: colors.error,
};

export const acquireResultColors: Readonly<Record<Known<"acquireDuration", "result">, string>> = {
  acquired: colors.ok,
  timeout: colors.timeout,
  rejected: colors.error,
  canceled: colors.quiet,
};

export const bootResultColors: Readonly<Record<Known<"bootDuration", "result">, string>> = {
  ok: colors.ok,
  error: colors.error,
  timeout: colors.timeout,
  canceled: colors.quiet,
};

export const terminationColors: Readonly<Record<Known<"terminations", "reason">, string>> = {
  idle: colors.ok,
  drain: "light-green",
  recycled: "light-blue",
  crash: colors.error,
  unhealthy: "light-red",
  boot_timeout: colors.timeout,
  canceled: colors.quiet,
};

export const refusalColors: Readonly<Record<Known<"retriesRefused", "reason">, string>> = {
  budget: colors.error,
  deadline: colors.timeout,
  max_attempts: colors.retry,
  condition: colors.quiet,
};

export const spanOutcomeColors: Readonly<Record<Known<"telemetrySpans", "outcome">, string>> = {
  reported: colors.ok,
  lost: colors.error,
};

export const attemptKindColors: SeriesColors = { first: colors.work, retry: colors.retry, hedge: "light-orange" };
