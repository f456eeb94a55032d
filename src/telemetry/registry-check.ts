/** Whether a user's registry can take the metrics of the catalog. It needs no client library, so it can be asked at once. */
import { ConfigError } from "../contract/errors.ts";
import type { MetricsRegistry } from "../contract/config/options.ts";
import type { MetricSpec } from "./catalog.ts";
import { metrics } from "./catalog.ts";

/** What both clients keep on a metric. */
export interface MetricShape {
  readonly type?: string;
  readonly labelNames?: ReadonlyArray<string>;
  readonly enableExemplars?: boolean;
  collect?: () => void | Promise<void>;
}

/** The name that a counter has in an OpenMetrics registry, where the suffix belongs to the sample. */
export const familyName = (name: string): string => name.replace(/_total$/, "");

/**
 * The metric of that name which a registry has already.
 *
 * @throws {ConfigError} when it is another metric than the catalog's.
 */
export const findMetric = (registry: MetricsRegistry, spec: MetricSpec): MetricShape | undefined => {
  const found = (registry.getSingleMetric(spec.name) ?? registry.getSingleMetric(familyName(spec.name))) as
    | MetricShape
    | undefined;
  const same =
    found === undefined ||
    (found.type === spec.type &&
      [...(found.labelNames ?? [])].sort().join() === [...spec.labels].sort().join() &&
      (found.enableExemplars ?? false) === (spec.exemplars ?? false));
  if (!same) {
    throw new ConfigError(
      `telemetry.metrics: the registry already has another metric named ${spec.name} (a ${found.type} with the labels ${(found.labelNames ?? []).join(", ")}). Give Firelight a registry of its own, or rename that metric.`,
    );
  }
  return found;
};

/** @throws {ConfigError} when the registry has another metric under one of the catalog's names. */
export const checkRegistry = (registry: MetricsRegistry): void => {
  for (const spec of Object.values(metrics)) findMetric(registry, spec);
};
