/**
 * Series that dashboards and rules read but Firelight does not produce: who produces each, and when it is expected to
 * be absent.
 */

interface ExternalSeries {
  /** The name; a regular expression if it depends on the producer's version or settings. */
  readonly name: string;
  readonly labels: ReadonlyArray<string>;
  readonly producer: "prometheus" | "collector" | "span_metrics" | "service_graph" | "host";
  /** When the series is absent although nothing is wrong. */
  readonly absentWhen: string;
}

const noCollector = "No collector's own metrics are scraped.";

/** Counters have the suffix `_total` or not, depending on the settings of the collector. */
const collector = (name: string, labels: ReadonlyArray<string>): ExternalSeries => ({
  name: `otelcol_${name}`,
  labels,
  producer: "collector",
  absentWhen: noCollector,
});

export const externalSeries = {
  up: {
    name: "up",
    labels: [],
    producer: "prometheus",
    absentWhen: "Metrics are pushed rather than scraped.",
  },
  alerts: {
    name: "ALERTS",
    labels: ["alertname", "alertstate", "severity", "flame_pool_name", "rpc_method"],
    producer: "prometheus",
    absentWhen: "No alert is firing or pending, or this Prometheus does not evaluate the rules.",
  },
  spanCalls: {
    name: "traces_span_?metrics_calls_total",
    labels: ["service_name", "span_name", "span_kind", "status_code"],
    producer: "span_metrics",
    absentWhen: "No collector generates metrics from spans.",
  },
  serviceGraphRequests: {
    name: "traces_service_graph_request_total",
    labels: ["client", "server"],
    producer: "service_graph",
    absentWhen: "No collector or Tempo generates a service graph from spans.",
  },
  spansAccepted: collector("receiver_accepted_spans(_total)?", ["receiver", "transport"]),
  spansRefused: collector("receiver_refused_spans(_total)?", ["receiver", "transport"]),
  spansSent: collector("exporter_sent_spans(_total)?", ["exporter"]),
  spansSendFailed: collector("exporter_send_failed_spans(_total)?", ["exporter"]),
  spansEnqueueFailed: collector("exporter_enqueue_failed_spans(_total)?", ["exporter"]),
  queueSize: collector("exporter_queue_size", ["exporter", "data_type"]),
  queueCapacity: collector("exporter_queue_capacity", ["exporter", "data_type"]),
  eventLoopP99: {
    name: "nodejs_eventloop_lag_p99_seconds",
    labels: [],
    producer: "host",
    absentWhen: "The program does not collect the default metrics of prom-client, or runs on Bun.",
  },
  eventLoopMean: {
    name: "nodejs_eventloop_lag_mean_seconds",
    labels: [],
    producer: "host",
    absentWhen: "The program does not collect the default metrics of prom-client, or runs on Bun.",
  },
} as const satisfies Record<string, ExternalSeries>;

export type ExternalKey = keyof typeof externalSeries;

type ExternalLabel<Key extends ExternalKey> = (typeof externalSeries)[Key]["labels"][number] | "job" | "instance";

/** Matchers by label. Each value is a regular expression. */
export type ExternalWhere<Key extends ExternalKey> = { readonly [Label in ExternalLabel<Key>]?: string };

/** Returns the selector of an external series. */
export const externalSelector = <Key extends ExternalKey>(key: Key, where: ExternalWhere<Key> = {}): string => {
  const { name } = externalSeries[key];
  const matchers = Object.entries(where as Record<string, string>).map(([label, value]) => `${label}=~"${value}"`);
  const varies = /\W/.test(name);
  const all = [...(varies ? [`__name__=~"${name}"`] : []), ...matchers].join(", ");
  return `${varies ? "" : name}${all === "" ? "" : `{${all}}`}`;
};
