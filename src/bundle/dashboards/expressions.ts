/**
 * PromQL as functions: selectors that keep to what the variables choose, and the few shapes of questions that panels
 * ask. Without traffic a share is 0, a quantile or a ratio is nothing; no panel shows NaN or infinity.
 */
import { metrics, type MetricSpec } from "../../telemetry/catalog.ts";
import { type MetricKey, series, type Where } from "../series.ts";
import type { BundleSettings } from "../settings.ts";
import type { Choice } from "./variables.ts";

/** Selects series of a metric of what the dashboard's variables choose. */
export type Select = <Key extends MetricKey>(
  key: Key,
  where?: Where<Key>,
  part?: Parameters<typeof series<Key>>[2],
) => string;

/** The label that each choice is about. */
const labels = { job: "job", instance: "instance", pool: "flame_pool_name", method: "rpc_method" } as const;

/** The selector of a dashboard: whatever its reader chose among these, where the metric knows it. */
export const makeSelect =
  ({ selector }: BundleSettings, choices: ReadonlyArray<Choice>): Select =>
  (key, where, part) => {
    const spec: MetricSpec = metrics[key];
    const known = ["job", "instance", ...spec.labels];
    const chosen = Object.entries(labels).flatMap(([choice, label]) =>
      choices.includes(choice as Choice) && known.includes(label) ? [[label, ["=~", `$${choice}`]] as const] : [],
    );
    return series(key, { ...Object.fromEntries(chosen), ...where } as Where<typeof key>, part, selector);
  };

/** Statuses that spend the error budget, as a matcher. */
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

/** A sum that is 0 where nothing was counted yet. */
export const total = (expr: string): string => `${sum(expr)} or vector(0)`;

/** Part of whole, as 0 to 1; 0 where nothing happened. */
export const share = (part: string, whole: string, ...by: ReadonlyArray<string>): string => {
  const all = sum(whole, ...by);
  return `${sum(part, ...by)} / (${all} > 0) or ${by.length === 0 ? "vector(0)" : `0 * ${all}`}`;
};

/** One thing per another, such as attempts per call; nothing where the other did not happen. */
export const per = (one: string, another: string, ...by: ReadonlyArray<string>): string =>
  `${sum(one, ...by)} / (${sum(another, ...by)} > 0)`;

/** A quantile of a histogram's buckets; nothing where nothing was observed. */
export const quantile = (q: number, buckets: string, ...by: ReadonlyArray<string>): string =>
  `histogram_quantile(${q}, ${sum(rate(buckets), "le", ...by)}) >= 0`;

/** The same of a longer time: for what happens seldom, and for tables. */
export const quantileWithin = (window: string, q: number, buckets: string, ...by: ReadonlyArray<string>): string =>
  `histogram_quantile(${q}, ${sum(increase(buckets, window), "le", ...by)}) >= 0`;
