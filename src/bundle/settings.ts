/** The settings of dashboards, rules and provisioning: names, links, the objective and every threshold. */

/** Settings of dashboards, rules and provisioning. {@link completeSettings} fills in the defaults. */
export interface BundleSettings {
  /** Title of the dashboards' folder and first word of their titles. Default: `Firelight`. */
  readonly name: string;
  /**
   * Prefix of every uid and file name, as in `firelight-pools`. Lower-case letters, digits and hyphens. Default:
   * `firelight`.
   */
  readonly uid: string;
  /** Public URL of Grafana, for links in alerts. Default: `http://localhost:3000`. */
  readonly grafanaUrl: string;
  /**
   * Your runbook page with a heading for each alert: `runbook_url` is this URL, `#` and the alert's name in lower
   * case. Default: the runbook dashboard, where each alert is a panel.
   */
  readonly runbookUrl?: string;
  /** Uids of the data sources that provisioning creates and dashboards select first. */
  readonly datasources: {
    /** Uid of the Prometheus data source. Default: `prometheus`. */
    readonly prometheus: string;
    /** Uid of the Tempo data source. Default: `tempo`. */
    readonly tempo: string;
    /** Uid of the Loki data source. Default: `loki`. */
    readonly loki: string;
  };
  /**
   * Prometheus matchers of every alert, such as `job=~"shop.*"`. Default: empty, for everything that reports
   * Firelight's metrics.
   */
  readonly selector: string;
  /**
   * Prometheus matchers of the targets that are OpenTelemetry Collectors, so that one that never answered is known.
   * Default: the jobs `collector`, `otel-collector` and `opentelemetry-collector`.
   */
  readonly collectorSelector: string;
  /** The service level objective. */
  readonly slo: ServiceLevel;
  /** Thresholds of the alerts. */
  readonly thresholds: Thresholds;
}

/** A service level objective. */
export interface ServiceLevel {
  /** Share of calls that must succeed, below 1. Default: 0.999. */
  readonly objective: number;
  /** Window of the objective, in days. Default: 30. */
  readonly windowDays: number;
  /**
   * gRPC statuses that do not spend the error budget, because the service is not at fault. Default: `CANCELLED` and
   * `INVALID_ARGUMENT`.
   */
  readonly ignoredStatuses: ReadonlyArray<string>;
  /**
   * Minimum number of failed calls in the longer window for a burn-rate alert, so that one failure at night does not
   * page. Default: 10.
   */
  readonly minFailures: number;
}

/** Thresholds of the alerts. */
export interface Thresholds {
  /** Share of the pool's limit in use that is worth a look. */
  readonly saturationHigh: number;
  /** Share of the pool's limit in use from which it is full. */
  readonly saturationFull: number;
  /** 95th percentile of the time to get a slot of a full pool that pages, in seconds. */
  readonly saturatedWaitSeconds: number;
  /** How far ahead saturation is forecast, in seconds. */
  readonly forecastSeconds: number;
  /** Minimum share of the limit in use for a forecast: a pool that goes from 0 to 1 is not filling up. */
  readonly forecastShare: number;
  /** 95th percentile of the time to get a slot, in seconds. */
  readonly acquireSeconds: number;
  /** Share of acquires without a slot, because of timeouts or rejections. */
  readonly acquireTimeoutShare: number;
  /** Attempts per call; 1 means no retries. */
  readonly amplification: number;
  /** Share of calls with a retry that was not made because the retry budget was used up. */
  readonly retriesRefusedShare: number;
  /** Share of a method's calls that exceed their deadline. */
  readonly deadlineShare: number;
  /** 95th percentile of the time to boot a runner, in seconds. */
  readonly bootSeconds: number;
  /** Share of boots that fail. */
  readonly bootFailureShare: number;
  /** Crashes of one pool's runners within 10 minutes. */
  readonly crashes: number;
  /** Requests or responses with an invalid signature within 5 minutes. */
  readonly signatureRejections: number;
  /** 95th percentile of the difference between the clocks of parent and runner, in seconds. */
  readonly clockOffsetSeconds: number;
  /** Share of the runners' spans that are lost. */
  readonly lostSpanShare: number;
  /**
   * Minimum number of failures (timeouts, retries, slow acquires, lost spans) within an alert's window; below it,
   * shares and percentiles mean little.
   */
  readonly minEvents: number;
  /** The same for boots, of which there are fewer. */
  readonly minBoots: number;
}

/** The default settings, as used for the files that the package ships. */
export const defaultSettings: BundleSettings = {
  name: "Firelight",
  uid: "firelight",
  grafanaUrl: "http://localhost:3000",
  datasources: { prometheus: "prometheus", tempo: "tempo", loki: "loki" },
  selector: "",
  collectorSelector: 'job=~"(otel-|opentelemetry-)?collector"',
  slo: {
    objective: 0.999,
    windowDays: 30,
    ignoredStatuses: ["CANCELLED", "INVALID_ARGUMENT"],
    minFailures: 10,
  },
  thresholds: {
    saturationHigh: 0.8,
    saturationFull: 0.95,
    saturatedWaitSeconds: 2.5,
    forecastSeconds: 3600,
    forecastShare: 0.5,
    acquireSeconds: 1,
    acquireTimeoutShare: 0.01,
    amplification: 1.3,
    retriesRefusedShare: 0.01,
    deadlineShare: 0.02,
    bootSeconds: 10,
    bootFailureShare: 0.1,
    crashes: 3,
    signatureRejections: 3,
    clockOffsetSeconds: 1,
    lostSpanShare: 0.01,
    minEvents: 10,
    minBoots: 3,
  },
};
