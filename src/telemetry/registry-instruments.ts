/**
 * The instruments of the catalog in a registry of prom-client or @prometheus-io/client. Created once per registry and
 * shared by all instances that use it.
 */
import { Counter, Gauge, Histogram, type Metric } from "prom-client";
import type { MetricsRegistry } from "../contract/config/options.ts";
import { metrics, type MetricSpec } from "./catalog.ts";
import { EventBuffer } from "./event-buffer.ts";
import { type Instruments, type MetricKey, recordEvent } from "./metric-events.ts";
import { type PoolGauges, PoolWatch } from "./pool-gauges.ts";
import { familyName, findMetric, type MetricShape } from "./registry-check.ts";
import type { SpanIds } from "./telemetry.ts";

type LabelSet = Record<string, string>;

const specs: Readonly<Record<MetricKey, MetricSpec>> = metrics;
const allKeys = Object.keys(metrics) as ReadonlyArray<MetricKey>;

/**
 * Makes a counter return the name that fits the format of its registry. Both clients cut `_total` off for good at the
 * first OpenMetrics rendering, so a registry whose format is negotiated would lose it in the other format.
 */
const keepName = (counter: Counter, full: string, registry: MetricsRegistry): void => {
  Object.defineProperty(counter, "name", {
    get: () => (registry.contentType.startsWith("application/openmetrics-text") ? familyName(full) : full),
    set: () => {},
    enumerable: true,
  });
};

/**
 * Exemplars are kept in every registry format, but only OpenMetrics shows them. The client must not see the registry,
 * or it would reject them.
 */
const construct = (spec: MetricSpec, buckets: ReadonlyArray<number>): Counter | Gauge | Histogram => {
  const config = { name: spec.name, help: spec.description, labelNames: [...spec.labels], registers: [] };
  if (spec.type === "counter") return new Counter(config);
  if (spec.type === "gauge") return new Gauge(config);
  return new Histogram({ ...config, buckets: [...buckets], enableExemplars: spec.exemplars === true });
};

/** Makes `get` return copies: both clients return the objects that they keep counting in. */
const readCopies = (counter: Counter): void => {
  const read = counter.get;
  counter.get = async () => {
    const metric = await read.call(counter);
    return { ...metric, values: metric.values.map((value) => ({ ...value })) };
  };
};

interface KnownPool {
  readonly pool: string;
  readonly backend: string | undefined;
}

export class RegistryInstruments implements Instruments {
  readonly pools = new PoolWatch();
  /** Events that are not recorded yet. */
  readonly events: EventBuffer = new EventBuffer((event) => recordEvent(this, event));
  /** Bucket bounds of the histograms with a method label; `undefined` for those of the catalog. */
  readonly buckets: ReadonlyArray<number> | undefined;
  readonly #registry: MetricsRegistry;
  readonly #instruments = new Map<MetricKey, Counter | Gauge | Histogram>();
  /** Instruments created by another copy of this package, whose values must not be reset to zero. */
  readonly #adopted = new Set<MetricKey>();
  /** Pools, and pools with a backend, whose known label sets are initialized. */
  readonly #known = new Map<string, KnownPool>();
  readonly #active = new Map<string, Map<string, number>>();

  constructor(registry: MetricsRegistry, buckets: ReadonlyArray<number> | undefined) {
    this.#registry = registry;
    this.buckets = buckets;
  }

  /** Registers the metrics of a side; of both sides if `undefined`. */
  register(side: "parent" | "runner" | undefined): void {
    for (const key of allKeys) {
      const spec = specs[key];
      if (side === undefined || spec.side === "both" || spec.side === side) this.#ensure(key, spec);
    }
  }

  count(key: MetricKey, labels: LabelSet, by: number): void {
    (this.#instruments.get(key) as Counter | undefined)?.inc(labels, by);
  }

  observe(key: MetricKey, labels: LabelSet, value: number, span?: SpanIds): void {
    const histogram = this.#instruments.get(key) as Histogram | undefined;
    if (specs[key].exemplars !== true) histogram?.observe(labels, value);
    else if (span?.exemplar !== true) histogram?.observe({ labels, value });
    else histogram?.observe({ labels, value, exemplarLabels: { trace_id: span.traceId, span_id: span.spanId } });
  }

  active(method: string, pool: string, by: 1 | -1): void {
    let methods = this.#active.get(pool);
    if (methods === undefined) this.#active.set(pool, (methods = new Map()));
    methods.set(method, (methods.get(method) ?? 0) + by);
  }

  knowBackend(pool: string, backend: string): void {
    this.initializePool(pool, backend);
  }

  /** Initializes the known label sets of a pool to zero, once. */
  initializePool(pool: string, backend?: string): void {
    const id = JSON.stringify([pool, backend]);
    if (this.#known.has(id)) return;
    const known = { pool, backend };
    this.#known.set(id, known);
    for (const key of this.#instruments.keys()) this.#startAtZero(key, known);
  }

  #startAtZero(key: MetricKey, { pool, backend }: KnownPool): void {
    const instrument = this.#instruments.get(key);
    if (specs[key].labels.includes("backend") !== (backend !== undefined)) return;
    const given = { flame_pool_name: [pool], backend: backend === undefined ? [] : [backend] };
    for (const labels of knownLabels(specs[key], given)) {
      if (instrument instanceof Counter) instrument.inc(labels, 0);
      else if (instrument instanceof Histogram && !this.#adopted.has(key)) instrument.zero(labels);
    }
  }

  #ensure(key: MetricKey, spec: MetricSpec): void {
    const own = this.#instruments.get(key);
    const found = findMetric(this.#registry, spec) as Metric as Counter | Gauge | Histogram | undefined;
    if (found !== undefined && found === own) return;
    const buckets = (spec.ownBuckets === true ? this.buckets : undefined) ?? spec.buckets ?? [];
    const instrument = found ?? own ?? construct(spec, buckets);
    if (found === undefined) this.#registry.registerMetric(instrument as never);
    else this.#adopted.add(key);
    if (instrument === own) return;
    if (instrument instanceof Counter && found === undefined) keepName(instrument, spec.name, this.#registry);
    this.#instruments.set(key, instrument);
    this.#collectInto(key, instrument);
    this.#resetWith(key, instrument);
    if (instrument instanceof Counter) readCopies(instrument);
  }

  /**
   * Returns no promise unless one is needed. Clients then read all metrics synchronously, so a scrape shows one moment.
   */
  #collectInto(key: MetricKey, instrument: MetricShape & (Counter | Gauge | Histogram)): void {
    const fill = this.#fillOf(key);
    const before = instrument.collect;
    const reset = instrument.reset;
    instrument.collect = () => {
      this.events.flushForRead();
      const filled = before?.call(instrument);
      if (filled instanceof Promise) return filled.then(() => fill?.());
      if (before === undefined && instrument instanceof Gauge) reset.call(instrument);
      fill?.();
      return undefined;
    };
  }

  /**
   * Resets a metric. Events from before the reset do not count after it, recorded or not, and known label sets start at
   * zero again. Calls in flight stay in flight.
   */
  #resetWith(key: MetricKey, instrument: Counter | Gauge | Histogram): void {
    const reset = instrument.reset;
    instrument.reset = () => {
      this.events.flush();
      if (key === "slotBusy") this.pools.takeSeconds("busy");
      if (key === "slotAvailable") this.pools.takeSeconds("available");
      reset.call(instrument);
      for (const known of this.#known.values()) this.#startAtZero(key, known);
    };
  }

  /** Returns the function that fills a metric whose values are read on scrape. */
  #fillOf(key: MetricKey): (() => void) | undefined {
    switch (key) {
      case "active":
        return () => this.#fillActive();
      case "pending":
      case "slotsUsed":
      case "slotsProvisioned":
      case "slotsLimit":
        return () => this.#fillGauge(key, (gauges) => [[{}, gauges[key]]]);
      case "runners":
        return () =>
          this.#fillGauge(key, (gauges) => Object.entries(gauges.runners).map(([state, count]) => [{ state }, count]));
      case "slotBusy":
        return () => this.#fillSeconds(key, "busy");
      case "slotAvailable":
        return () => this.#fillSeconds(key, "available");
      default:
        return undefined;
    }
  }

  #fillGauge(key: MetricKey, read: (gauges: PoolGauges) => ReadonlyArray<readonly [LabelSet, number]>): void {
    const gauge = this.#instruments.get(key) as Gauge;
    for (const [pool, gauges] of this.pools.gauges()) {
      for (const [labels, value] of read(gauges)) gauge.set({ flame_pool_name: pool, ...labels }, value);
    }
  }

  #fillSeconds(key: MetricKey, kind: "busy" | "available"): void {
    for (const [pool, seconds] of this.pools.takeSeconds(kind)) this.count(key, { flame_pool_name: pool }, seconds);
  }

  #fillActive(): void {
    const gauge = this.#instruments.get("active") as Gauge;
    for (const [pool, methods] of this.#active) {
      for (const [method, calls] of methods) {
        if (calls === 0 && !this.pools.has(pool)) methods.delete(method);
        else gauge.set({ rpc_method: method, flame_pool_name: pool }, calls);
      }
      if (methods.size === 0) this.#active.delete(pool);
    }
  }
}

/** Returns every combination of known label values of a metric; none if the values of a label are not known. */
const knownLabels = (
  spec: MetricSpec,
  given: Readonly<Record<string, ReadonlyArray<string>>>,
): ReadonlyArray<LabelSet> => {
  const all = spec.labels.reduce<ReadonlyArray<LabelSet>>(
    (sets, label) =>
      sets.flatMap((set) => (given[label] ?? spec.known?.[label] ?? []).map((value) => ({ ...set, [label]: value }))),
    [{}],
  );
  const isImpossible = (set: LabelSet): boolean =>
    spec.impossible?.some((labels) => Object.entries(labels).every(([label, value]) => set[label] === value)) === true;
  return all.filter((set) => !isImpossible(set));
};

const shared = new WeakMap<MetricsRegistry, RegistryInstruments>();

/** Returns the instruments of a registry. All callers share them, with the buckets of the first caller. */
export const instrumentsOf = (
  registry: MetricsRegistry,
  buckets: ReadonlyArray<number> | undefined,
): RegistryInstruments => {
  const instruments = shared.get(registry) ?? new RegistryInstruments(registry, buckets);
  shared.set(registry, instruments);
  return instruments;
};
