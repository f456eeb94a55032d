/**
 * Metrics of an instance, in a registry of prom-client or @prometheus-io/client:
 * the user's, or one of our own that speaks OpenMetrics and so has exemplars.
 */
import type { OpenMetricsContentType } from "prom-client";
import { Registry } from "prom-client";
import type { MetricsRegistry } from "../contract/config/options.ts";
import { ExemplarChoice } from "./exemplars.ts";
import { methodLabels, withMethod } from "./method-labels.ts";
import { instrumentsOf } from "./registry-instruments.ts";
import type { EventSink } from "./telemetry.ts";

export interface MetricsOptions {
  /** Where the metrics go, beside whatever is there. Default: a registry of their own, in OpenMetrics format. */
  readonly registry?: MetricsRegistry | undefined;
  /** Registers the metrics of one side only. Default: of both. */
  readonly side?: "parent" | "runner";
  /** The pool whose known label values start at zero without being watched, as on a runner. */
  readonly pool?: string;
  /** Methods that labels name, as `service/method` or `service/*`. Default: every method. */
  readonly methods?: ReadonlyArray<string> | undefined;
  /** Bucket bounds, in seconds, of the histograms that methods have series in. Default: the catalog's. */
  readonly buckets?: ReadonlyArray<number> | undefined;
}

/** The metrics of an instance, and how to serve them. */
export interface Metrics extends Required<EventSink> {
  readonly registry: MetricsRegistry;
  /** For the `content-type` header of the answer to a scrape. */
  readonly contentType: string;
  /** The metrics in the registry's text format. */
  text(): Promise<string>;
}

const ownRegistry = (): MetricsRegistry => {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
};

/**
 * Metrics of the catalog in a registry. Instances with the same registry share the instruments.
 *
 * @throws {ConfigError} when the registry has another metric under one of the names.
 */
export const makeMetrics = (options: MetricsOptions = {}): Metrics => {
  const registry = options.registry ?? ownRegistry();
  const instruments = instrumentsOf(registry, options.buckets);
  instruments.register(options.side);
  if (options.pool !== undefined) instruments.know(options.pool);
  const labelOf = methodLabels(options.methods);
  const exemplars = new ExemplarChoice(undefined, labelOf, instruments.buckets);
  return {
    emit: (event) => {
      exemplars.consider(event);
      instruments.backlog.add(labelOf === undefined ? event : withMethod(event, labelOf));
    },
    watchPool: (pool, snapshot) => {
      instruments.know(pool);
      return instruments.pools.watch(pool, snapshot);
    },
    registry,
    get contentType() {
      return registry.contentType;
    },
    text: () => registry.metrics(),
  };
};
