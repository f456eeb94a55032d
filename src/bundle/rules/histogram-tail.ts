/** Percentiles of histograms, together with the number of observations that makes them meaningful. */
import { metrics } from "../../telemetry/catalog.ts";
import { series, type Where } from "../series.ts";

type TimedKey = "acquireDuration" | "bootDuration" | "clockOffset";

/**
 * Returns a matcher of `le` for the highest bound up to a limit; `undefined` if there is none. Prometheus 3 writes
 * integer bounds as `10.0`, older versions as `10`.
 */
export const boundUpTo = (key: TimedKey, limit: number): readonly ["=~", string] | undefined => {
  const { buckets } = metrics[key];
  const bound = buckets.findLast((bound) => bound <= limit);
  if (bound === undefined) return undefined;
  return ["=~", Number.isInteger(bound) ? `${bound}|${bound}\\.0` : `${bound}`.replace(".", "\\.")];
};

export interface TailQuery<Key extends TimedKey> {
  readonly key: Key;
  readonly where?: Where<Key>;
  readonly window: string;
  readonly selector: string;
}

/** Returns the 95th percentile by job and pool; no result without observations. */
export const p95 = <Key extends TimedKey>({ key, where = {}, window, selector }: TailQuery<Key>): string => {
  const buckets = series<TimedKey>(key, where, "bucket", selector);
  return `histogram_quantile(0.95, sum by (job, flame_pool_name, le) (rate(${buckets}[${window}])))`;
};

/**
 * Returns a condition on the number of observations above a limit, as precise as the buckets allow. Goes after {@link
 * p95}.
 */
export const atLeastAbove = <Key extends TimedKey>(
  { key, where = {}, window, selector }: TailQuery<Key>,
  limit: number,
  minCount: number,
): string => {
  const count = (part: "bucket" | "count", matchers: Where<TimedKey>): string =>
    `sum by (job, flame_pool_name) (increase(${series<TimedKey>(key, matchers, part, selector)}[${window}]))`;
  const matchers = where as Where<TimedKey>;
  const le = boundUpTo(key, limit);
  const below = le === undefined ? "" : ` - ${count("bucket", { ...matchers, le })}`;
  return `on (job, flame_pool_name) ${count("count", matchers)}${below} >= ${minCount}`;
};
