/**
 * Metrics whose client library is loaded when an instance is set up, not when this package is imported. Until it is
 * there, events and pools wait for it; an instance makes no call before.
 */
import { loadPackage } from "../contract/process/load-package.ts";
import type { Metrics, MetricsOptions } from "./prometheus.ts";
import { checkRegistry } from "./registry-check.ts";
import type { EventSink, FlameEvent, PoolSnapshot } from "./telemetry.ts";

/** The metrics of an instance, there or on their way. */
export interface LateMetrics extends Required<EventSink> {
  readonly contentType: string;
  text(): Promise<string>;
  /** Once they are there. */
  readonly loaded: Promise<Metrics>;
  /** While they are being loaded; rejects with a `ConfigError` when they cannot be. */
  readonly loading: Promise<void> | undefined;
}

/** That of a registry of our own. */
const ownContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

interface WaitingPool {
  readonly pool: string;
  readonly snapshot: () => PoolSnapshot;
  stop: (() => void) | undefined;
}

const load = async (options: MetricsOptions, before: LateMetrics | undefined): Promise<Metrics> => {
  const { makeMetrics } = await loadPackage(
    "prom-client",
    "There can be no metrics, which telemetry.metrics: false turns off",
    () => import("./prometheus.ts"),
  );
  return makeMetrics({ ...options, registry: options.registry ?? (await before?.loaded)?.registry });
};

/**
 * Starts to load them.
 *
 * @param before those whose registry goes on where none is given

 * @throws {ConfigError} when the registry has another metric under one of the names.
 */
export const makeLateMetrics = (options: MetricsOptions = {}, before?: LateMetrics): LateMetrics => {
  if (options.registry !== undefined) checkRegistry(options.registry);
  const events: Array<FlameEvent> = [];
  const pools = new Set<WaitingPool>();
  let made: Metrics | undefined;
  let loading: Promise<void> | undefined;

  const loaded = load(options, before);
  loading = loaded.then((metrics) => {
    made = metrics;
    loading = undefined;
    for (const waiting of pools) waiting.stop = metrics.watchPool(waiting.pool, waiting.snapshot);
    pools.clear();
    for (const event of events.splice(0)) metrics.emit(event);
  });
  loading.catch(() => {});

  return {
    emit: (event) => {
      if (made === undefined) events.push(event);
      else made.emit(event);
    },
    watchPool: (pool, snapshot) => {
      if (made !== undefined) return made.watchPool(pool, snapshot);
      const waiting: WaitingPool = { pool, snapshot, stop: undefined };
      pools.add(waiting);
      return () => {
        pools.delete(waiting);
        waiting.stop?.();
      };
    },
    get contentType() {
      return options.registry?.contentType ?? ownContentType;
    },
    text: async () => (await loaded).text(),
    loaded,
    get loading() {
      return loading;
    },
  };
};
