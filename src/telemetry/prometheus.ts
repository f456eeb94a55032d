/**
 * The metrics of an instance in a registry of prom-client or @prometheus-io/client: either the user's, or Firelight's
 * own, which uses OpenMetrics and therefore has exemplars.
 */
import { type OpenMetricsContentType, Registry } from "prom-client";
import type { MetricsRegistry } from "../contract/config/options.ts";
import { ExemplarChoice } from "./exemplars.ts";
import { methodLabels, withMethod } from "./method-labels.ts";
import { instrumentsOf } from "./registry-instruments.ts";
import type { EventSink } from "./telemetry.ts";

export interface MetricsOptions {
  /** The registry to add the metrics to. Default: a new registry in OpenMetrics format. */
  readonly registry?: MetricsRegistry | undefined;
  /** Registers the metrics of one side only. Default: both. */
  readonly side?: "parent" | "runner";
  /** The pool whose known label values start at zero without being watched, as on a runner. */
  readonly pool?: string;
  /** Methods that appear in labels, as `service/method` or `service/*`. Default: every method. */
  readonly methods?: ReadonlyArray<string> | undefined;
  /** Bucket bounds of the histograms with a method label, in seconds. Default: those of the catalog. */
  readonly buckets?: ReadonlyArray<number> | undefined;
}

/** The metrics of an instance and how to serve them. */
export interface Metrics extends Required<EventSink> {
  readonly registry: MetricsRegistry;
  /** The `content-type` header of a scrape response. */
  readonly contentType: string;
  /** Returns the metrics in the registry's text format. */
  text(): Promise<string>;
}

const ownRegistry = (): MetricsRegistry => {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
};

/**
 * Registers the metrics of the catalog. Instances with the same registry share the instruments.
 *
 * @throws {ConfigError} if the registry has a different metric under one of the names
 */
export const makeMetrics = (options: MetricsOptions = {}): Metrics => {
  const registry = options.registry ?? ownRegistry();
  const instruments = instrumentsOf(registry, options.buckets);
  instruments.register(options.side);
  if (options.pool !== undefined) instruments.initializePool(options.pool);
  const labelOf = methodLabels(options.methods);
  const exemplars = new ExemplarChoice(undefined, labelOf, instruments.buckets);
  return {
    emit: (event) => {
      exemplars.consider(event);
      instruments.events.add(labelOf === undefined ? event : withMethod(event, labelOf));
    },
    watchPool: (pool, snapshot) => {
      instruments.initializePool(pool);
      return instruments.pools.watch(pool, snapshot);
    },
    registry,
    get contentType() {
      return registry.contentType;
    },
    text: () => registry.metrics(),
  };
};
