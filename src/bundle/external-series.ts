/**
 * The series that dashboards and rules read and Firelight does not make: each with who makes it, and when it is
 * rightly not there.
 */

interface ForeignSeries {
  /** The name, as a regular expression where it depends on the version or the settings of the maker. */
  readonly name: string;
  readonly labels: ReadonlyArray<string>;
  readonly maker: "prometheus" | "collector" | "span_metrics" | "service_graph" | "host";
  /** When there are none though nothing is wrong. */
  readonly absentWhen: string;
}

const noCollector = "No collector is scraped on its own metrics' port.";

/** Counters have the suffix `_total` or not by the settings of the collector's own reader. */
const collector = (name: string, labels: ReadonlyArray<string>): ForeignSeries => ({
  name: `otelcol_${name}`,
  labels,
  maker: "collector",
  absentWhen: noCollector,
});

export const foreignSeries = {
  up: {
    name: "up",
    labels: [],
    maker: "prometheus",
    absentWhen: "Metrics are pushed rather than scraped.",
  },
  alerts: {
    name: "ALERTS",
    labels: ["alertname", "alertstate", "severity", "flame_pool_name", "rpc_method"],
    maker: "prometheus",
    absentWhen: "No alert fires or is pending, or the rules are evaluated elsewhere than in this Prometheus.",
  },
  spanCalls: {
    name: "traces_span_?metrics_calls_total",
    labels: ["service_name", "span_name", "span_kind", "status_code"],
    maker: "span_metrics",
    absentWhen: "No collector makes metrics from spans.",
  },
  serviceGraphRequests: {
    name: "traces_service_graph_request_total",
    labels: ["client", "server"],
    maker: "service_graph",
    absentWhen: "No collector or Tempo makes a service graph from spans.",
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
    maker: "host",
    absentWhen: "The program does not collect the default metrics of prom-client, or runs on Bun.",
  },
  eventLoopMean: {
    name: "nodejs_eventloop_lag_mean_seconds",
    labels: [],
    maker: "host",
    absentWhen: "The program does not collect the default metrics of prom-client, or runs on Bun.",
  },
} as const satisfies Record<string, ForeignSeries>;

export type ForeignKey = keyof typeof foreignSeries;

type ForeignLabel<Key extends ForeignKey> = (typeof foreignSeries)[Key]["labels"][number] | "job" | "instance";

/** Matchers by label; a value is a regular expression. */
export type ForeignWhere<Key extends ForeignKey> = { readonly [Label in ForeignLabel<Key>]?: string };

/** A selector of series that others make. */
export const foreign = <Key extends ForeignKey>(key: Key, where: ForeignWhere<Key> = {}): string => {
  const { name } = foreignSeries[key];
  const matchers = Object.entries(where as Record<string, string>).map(([label, value]) => `${label}=~"${value}"`);
  const varies = /\W/.test(name);
  const all = [...(varies ? [`__name__=~"${name}"`] : []), ...matchers].join(", ");
  return `${varies ? "" : name}${all === "" ? "" : `{${all}}`}`;
};
