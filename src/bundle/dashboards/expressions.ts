/**
 * Builds PromQL: selectors restricted to the dashboard's variables, and the few query shapes that panels use. Without
 * traffic, a share is 0 and a quantile or ratio has no result, so no panel shows NaN or infinity.
 */
import { metrics, type MetricSpec } from "../../telemetry/catalog.ts";
import { type MetricKey, series, type Where } from "../series.ts";
import type { BundleSettings } from "../settings.ts";
import type { Choice } from "./variables.ts";

/** Selects the series of a metric that match the dashboard's variables. */
export type Select = <Key extends MetricKey>(
  key: Key,
  where?: Where<Key>,
  part?: Parameters<typeof series<Key>>[2],
) => string;

/** The label that each variable selects by. */
const labels = { job: "job", instance: "instance", pool: "flame_pool_name", method: "rpc_method" } as const;

/** Creates the selector of a dashboard, which applies those variables that the metric has labels for. */
export const makeSelect =
  ({ selector }: BundleSettings, choices: ReadonlyArray<Choice>): Select =>
  (key, where, part) => {
    const spec: MetricSpec = metrics[key];
    const known = ["job", "instance", ...spec.labels];
    const chosen = Object.entries(labels).flatMap(([choice, label]) =>
      choices.includes(choice as Choice) && known.includes(label) ? [[label, ["=~", `$${choice}`]] as const] : [],
    );
    return series(key, { ...Object.fromEntries(chosen), ...where }, part, selector);
  };

/** A matcher for statuses that use up the error budget. */
export const spendsBudget = ({ slo }: BundleSettings): readonly ["!~", string] => [
  "!~",
  ["OK", ...slo.ignoredStatuses].join("|"),
];

export const rate = (selector: string): string => `rate(${selector}[$__rate_interval])`;

export const increase = (selector: string, window = "$__rate_interval"): string => `increase(${selector}[${window}])`;

const aggregate = (by: ReadonlyArray<string>, expr: string, how: string): string =>
  by.length === 0 ? `${how}(${expr})` : `${how} by (${by.join(", ")}) (${expr})`;

export const sum = (expr: string, ...by: ReadonlyArray<string>): string => aggregate(by, expr, "sum");

export const max = (expr: string, ...by: ReadonlyArray<string>): string => aggregate(by, expr, "max");

export const min = (expr: string, ...by: ReadonlyArray<string>): string => aggregate(by, expr, "min");

/** A sum; 0 without series. */
export const total = (expr: string): string => `${sum(expr)} or vector(0)`;

/** The ratio of a part to a whole, from 0 to 1; 0 without events. */
export const share = (part: string, whole: string, ...by: ReadonlyArray<string>): string => {
  const all = sum(whole, ...by);
  return `${sum(part, ...by)} / (${all} > 0) or ${by.length === 0 ? "vector(0)" : `0 * ${all}`}`;
};

/** A ratio, such as attempts per call; no result if the divisor is 0. */
export const per = (one: string, another: string, ...by: ReadonlyArray<string>): string =>
  `${sum(one, ...by)} / (${sum(another, ...by)} > 0)`;

/** A quantile of a histogram; no result without observations. */
export const quantile = (q: number, buckets: string, ...by: ReadonlyArray<string>): string =>
  `histogram_quantile(${q}, ${sum(rate(buckets), "le", ...by)}) >= 0`;

/** A quantile over a longer window, for rare events and tables. */
export const quantileWithin = (window: string, q: number, buckets: string, ...by: ReadonlyArray<string>): string =>
  `histogram_quantile(${q}, ${sum(increase(buckets, window), "le", ...by)}) >= 0`;
