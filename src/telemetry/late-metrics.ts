/**
 * Metrics whose client library is loaded when an instance is created, not when this package is imported. Events and
 * pools are buffered until the library is loaded; an instance makes no call before that.
 */
import { loadPackage } from "../contract/process/load-package.ts";
import type { Metrics, MetricsOptions } from "./prometheus.ts";
import { checkRegistry } from "./registry-check.ts";
import type { EventSink, FlameEvent, PoolSnapshot } from "./telemetry.ts";

/** The metrics of an instance, loaded or still loading. */
export interface LateMetrics extends Required<EventSink> {
  readonly contentType: string;
  text(): Promise<string>;
  /** Resolves when the metrics are loaded. */
  readonly loaded: Promise<Metrics>;
  /** Set while the metrics are loading. Rejects with a `ConfigError` if they cannot be loaded. */
  readonly loading: Promise<void> | undefined;
}

/** The content type of Firelight's own registry. */
const ownContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

interface WaitingPool {
  readonly pool: string;
  readonly snapshot: () => PoolSnapshot;
  stop: (() => void) | undefined;
}

const load = async (options: MetricsOptions, before: LateMetrics | undefined): Promise<Metrics> => {
  const { makeMetrics } = await loadPackage(
    "prom-client",
    "Metrics are unavailable (set telemetry.metrics: false to turn them off)",
    () => import("./prometheus.ts"),
  );
  return makeMetrics({ ...options, registry: options.registry ?? (await before?.loaded)?.registry });
};

/**
 * Starts to load the metrics.
 *
 * @param before earlier metrics whose registry is reused if `options` names none
 * @throws {ConfigError} if the registry has a different metric under one of the names
 */
export const makeLateMetrics = (options: MetricsOptions = {}, before?: LateMetrics): LateMetrics => {
  if (options.registry !== undefined) checkRegistry(options.registry);
  const events: Array<FlameEvent> = [];
  const pools = new Set<WaitingPool>();
  let made: Metrics | undefined;
  const loaded = load(options, before);
  const loading = loaded.then((metrics) => {
    made = metrics;
    late.loading = undefined;
    late.emit = metrics.emit;
    for (const waiting of pools) waiting.stop = metrics.watchPool(waiting.pool, waiting.snapshot);
    pools.clear();
    for (const event of events.splice(0)) metrics.emit(event);
  });
  loading.catch(() => {});

  const late: { -readonly [Key in keyof LateMetrics]: LateMetrics[Key] } = {
    emit: (event) => void events.push(event),
    loading,
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
  };
  return late;
};
