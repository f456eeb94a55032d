/**
 * Checks whether a user's registry can hold the metrics of the catalog. Needs no client library, so it runs at once.
 */
import { ConfigError } from "../contract/errors.ts";
import type { MetricsRegistry } from "../contract/config/options.ts";
import { metrics, type MetricSpec } from "./catalog.ts";

/** The properties that both clients keep on a metric. */
export interface MetricShape {
  readonly type?: string;
  readonly labelNames?: ReadonlyArray<string>;
  readonly enableExemplars?: boolean;
  collect?: () => void | Promise<void>;
}

/** The name of a counter in an OpenMetrics registry, where the suffix belongs to the sample. */
export const familyName = (name: string): string => name.replace(/_total$/, "");

/**
 * Returns the metric that the registry already has under the name.
 *
 * @throws {ConfigError} if it differs from the metric of the catalog
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
      `telemetry.metrics: the registry already has a different metric named ${spec.name} (a ${found.type} with the labels ${(found.labelNames ?? []).join(", ")}). Give Firelight its own registry, or rename that metric.`,
    );
  }
  return found;
};

/** @throws {ConfigError} if the registry has a different metric under one of the names */
export const checkRegistry = (registry: MetricsRegistry): void => {
  for (const spec of Object.values(metrics)) findMetric(registry, spec);
};
