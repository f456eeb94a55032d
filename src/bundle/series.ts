/** Builds PromQL selectors from the catalog. A metric, label or bucket bound that does not exist is a type error. */
import { metrics, type MetricSpec } from "../telemetry/catalog.ts";

export type MetricKey = keyof typeof metrics;

/** Labels that Prometheus adds to every scraped series. */
type TargetLabel = "job" | "instance";

type LabelOf<Key extends MetricKey> = (typeof metrics)[Key]["labels"][number] | TargetLabel | "le";

/** Matchers by label. A string means equality; otherwise operator and value, as in `["=~", "$method"]`. */
export type Where<Key extends MetricKey> = {
  readonly [Label in LabelOf<Key>]?: string | readonly [operator: "=" | "!=" | "=~" | "!~", value: string];
};

type Part<Key extends MetricKey> = (typeof metrics)[Key]["type"] extends "histogram"
  ? "bucket" | "sum" | "count"
  : never;

const quote = (value: string): string =>
  `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;

const matcher = (label: string, value: string | readonly [string, string]): string =>
  typeof value === "string" ? `${label}=${quote(value)}` : `${label}${value[0]}${quote(value[1])}`;

/**
 * Returns an instant selector: the name of a metric, or of a part of a histogram, with matchers.
 *
 * ```ts
 * series("callDuration", { rpc_method: ["=~", "$method"] }, "count")
 * // rpc_client_call_duration_seconds_count{rpc_method=~"$method"}
 * ```
 *
 * @param extra matchers that are already formatted, such as a user's `selector`
 */
export const series = <Key extends MetricKey>(
  key: Key,
  where: Where<Key> = {},
  part?: Part<Key>,
  extra = "",
): string => {
  const spec: MetricSpec = metrics[key];
  if ((spec.type === "histogram") !== (part !== undefined))
    throw new TypeError(
      `${spec.name} is a ${spec.type}: ${part === undefined ? "name one of its parts" : `it has no ${part}`}.`,
    );
  const matchers = Object.entries(where as Record<string, string | readonly [string, string] | undefined>).flatMap(
    ([label, value]) => (value === undefined ? [] : [matcher(label, value)]),
  );
  const all = [...matchers, ...(extra === "" ? [] : [extra])].join(", ");
  return `${spec.name}${part === undefined ? "" : `_${part}`}${all === "" ? "" : `{${all}}`}`;
};
