/** The settings of dashboards, rules and provisioning: names, links, the objective and every threshold. */

export interface BundleSettings {
  /** Title of the dashboards' folder, and first word of their titles. */
  readonly name: string;
  /** First part of every uid and file name: `firelight-pools`. Lower-case letters, digits and hyphens. */
  readonly uid: string;
  /** Where Grafana is, as people reach it: links in alerts lead there. */
  readonly grafanaUrl: string;
  /**
   * A page of yours with a heading for each alert: `runbook_url` is this and `#` and the alert's name in lower case.
   * Without it, the links lead to the runbook's own dashboard, where each alert is a panel.
   */
  readonly runbookUrl?: string;
  /** Uids of the data sources that provisioning makes and dashboards choose first. */
  readonly datasources: { readonly prometheus: string; readonly tempo: string; readonly loki: string };
  /** Prometheus matchers that every alert keeps to, such as `job=~"shop.*"`. Empty: whatever reports Firelight's metrics. */
  readonly selector: string;
  readonly slo: ServiceLevel;
  readonly thresholds: Thresholds;
}

export interface ServiceLevel {
  /** Share of calls that must succeed, below 1. */
  readonly objective: number;
  /** Days over which the objective holds. */
  readonly windowDays: number;
  /** Statuses that are not the service's fault and do not spend its error budget, as gRPC names them. */
  readonly ignoredStatuses: ReadonlyArray<string>;
  /** Failed calls in the longer window below which no burn-rate alert fires: one failure of ten calls at night is no page. */
  readonly minFailures: number;
}

export interface Thresholds {
  /** Share of the pool's limit in use from which it is worth a look. */
  readonly saturationHigh: number;
  /** Share of the pool's limit in use at which, with calls pending, it is full. */
  readonly saturationFull: number;
  /** How far ahead saturation is forecast, in seconds. */
  readonly forecastSeconds: number;
  /** Share of the limit that must be in use before a forecast is worth telling: a pool that goes from none to one is not filling up. */
  readonly forecastShare: number;
  /** Time to get a slot, at the 95th percentile, in seconds. */
  readonly acquireSeconds: number;
  /** Share of acquires that may end without a slot, in time-outs or refusals. */
  readonly acquireTimeoutShare: number;
  /** Attempts per call; 1 is no retries. */
  readonly amplification: number;
  /** Share of a method's calls that may end at their deadline. */
  readonly deadlineShare: number;
  /** Time to boot a runner, at the 95th percentile, in seconds. */
  readonly bootSeconds: number;
  /** Share of boots that may fail. */
  readonly bootFailureShare: number;
  /** Crashes of runners of one pool within ten minutes. */
  readonly crashes: number;
  /** Requests or responses refused for their signature within five minutes. */
  readonly signatureRejections: number;
  /** Difference of clocks between parent and runner, at the 95th percentile, in seconds. */
  readonly clockOffsetSeconds: number;
  /** Share of the runners' spans that may be lost. */
  readonly lostSpanShare: number;
  /**
   * Events of the bad kind within an alert's window (time-outs, retries, slow acquires, lost spans) below which no share
   * and no percentile is judged: one of three is a third, and no news.
   */
  readonly minEvents: number;
  /** The same of boots, of which there are fewer. */
  readonly minBoots: number;
}

/** What ships in the repository's `dashboards`, `otel/rules` and `grafana`. */
export const defaultSettings: BundleSettings = {
  name: "Firelight",
  uid: "firelight",
  grafanaUrl: "http://localhost:3000",
  datasources: { prometheus: "prometheus", tempo: "tempo", loki: "loki" },
  selector: "",
  slo: {
    objective: 0.999,
    windowDays: 30,
    ignoredStatuses: ["CANCELLED", "INVALID_ARGUMENT"],
    minFailures: 10,
  },
  thresholds: {
    saturationHigh: 0.8,
    saturationFull: 0.95,
    forecastSeconds: 3600,
    forecastShare: 0.5,
    acquireSeconds: 1,
    acquireTimeoutShare: 0.01,
    amplification: 1.3,
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
