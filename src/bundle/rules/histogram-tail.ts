/** Percentiles of histograms, with as many observations behind them as it takes to believe them. */
import { metrics, type MetricSpec } from "../../telemetry/catalog.ts";
import { series, type Where } from "../series.ts";

type TimedKey = "acquireDuration" | "bootDuration" | "clockOffset";

/**
 * A matcher of `le` for the highest bound that is no higher than a limit; `undefined` when there is none. Prometheus 3
 * writes whole bounds as `10.0`, others as `10`.
 */
const boundUpTo = (key: TimedKey, limit: number): readonly ["=~", string] | undefined => {
  const { buckets = [] }: MetricSpec = metrics[key];
  const bound = buckets.findLast((bound) => bound <= limit);
  if (bound === undefined) return undefined;
  return ["=~", Number.isInteger(bound) ? `${bound}|${bound}\\.0` : `${bound}`.replace(".", "\\.")];
};

export interface TailQuestion<Key extends TimedKey> {
  readonly key: Key;
  readonly where?: Where<Key>;
  readonly window: string;
  readonly selector: string;
}

/** The 95th percentile by job and pool; nothing without observations. */
export const p95 = <Key extends TimedKey>({ key, where = {}, window, selector }: TailQuestion<Key>): string => {
  const buckets = series<TimedKey>(key, where as Where<TimedKey>, "bucket", selector);
  return `histogram_quantile(0.95, sum by (job, flame_pool_name, le) (rate(${buckets}[${window}])))`;
};

/** A condition on the number of observations above a limit, as near as the buckets tell; to be put behind {@link p95}. */
export const atLeastAbove = <Key extends TimedKey>(
  { key, where = {}, window, selector }: TailQuestion<Key>,
  limit: number,
  least: number,
): string => {
  const count = (part: "bucket" | "count", matchers: Where<TimedKey>): string =>
    `sum by (job, flame_pool_name) (increase(${series<TimedKey>(key, matchers, part, selector)}[${window}]))`;
  const matchers = where as Where<TimedKey>;
  const le = boundUpTo(key, limit);
  const below = le === undefined ? "" : ` - ${count("bucket", { ...matchers, le })}`;
  return `on (job, flame_pool_name) ${count("count", matchers)}${below} >= ${least}`;
};
