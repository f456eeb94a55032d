/** A client of Prometheus's HTTP API. */

export type Labels = Readonly<Record<string, string>>;

/** A series with its samples, oldest first. Times are milliseconds since 1970. */
export interface Series {
  readonly labels: Labels;
  readonly samples: ReadonlyArray<{ readonly atMs: number; readonly value: number }>;
}

export interface TimeRange {
  readonly startMs: number;
  readonly endMs: number;
}

export interface Rule {
  readonly type: "recording" | "alerting";
  readonly name: string;
  readonly query: string;
  /** `unknown` until its first evaluation. */
  readonly health: "ok" | "err" | "unknown";
  readonly lastError?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
  /** Alerting rules only. */
  readonly state?: "inactive" | "pending" | "firing";
  readonly alerts?: ReadonlyArray<Alert>;
}

export interface RuleGroup {
  readonly name: string;
  readonly file: string;
  readonly rules: ReadonlyArray<Rule>;
}

export interface Alert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: "pending" | "firing";
  readonly value: string;
}

export interface Target {
  readonly labels: Labels;
  readonly scrapeUrl: string;
  readonly health: "up" | "down" | "unknown";
  readonly lastError: string;
}

export interface Exemplar {
  readonly seriesLabels: Labels;
  readonly labels: Labels;
  readonly value: number;
}

type Point = readonly [seconds: number, value: string];

interface RawResult {
  readonly resultType: "vector" | "matrix" | "scalar" | "string";
  readonly result: unknown;
}

interface RawSeries {
  readonly metric: Labels;
  readonly value?: Point;
  readonly values?: ReadonlyArray<Point>;
}

/** Prometheus rejected a query. The message has the reason and the query. */
export class QueryRefused extends Error {
  constructor(reason: string, query: string) {
    super(`Prometheus rejected the query: ${reason}\n${query}`);
    this.name = "QueryRefused";
  }
}

const sample = ([seconds, value]: Point) => ({ atMs: seconds * 1000, value: Number(value) });

const readResult = ({ resultType, result }: RawResult): ReadonlyArray<Series> =>
  resultType === "scalar" || resultType === "string"
    ? [{ labels: {}, samples: [sample(result as Point)] }]
    : (result as ReadonlyArray<RawSeries>).map(({ metric, value, values }) => ({
        labels: metric,
        samples: (values ?? [value!]).map(sample),
      }));

const seconds = (ms: number): string => String(ms / 1000);

export interface PrometheusApi {
  /** The value of an expression now, or at `atMs`. */
  query(expr: string, atMs?: number): Promise<ReadonlyArray<Series>>;
  queryRange(expr: string, range: TimeRange, stepMs: number): Promise<ReadonlyArray<Series>>;
  exemplars(expr: string, range: TimeRange): Promise<ReadonlyArray<Exemplar>>;
  /** The series that match a selector within the range. */
  series(selector: string, range: TimeRange): Promise<ReadonlyArray<Labels>>;
  /** The values of a label within the range, of the series of `selector` if set. */
  labelValues(label: string, selector: string | undefined, range: TimeRange): Promise<ReadonlyArray<string>>;
  rules(): Promise<ReadonlyArray<RuleGroup>>;
  /** Pending and firing alerts. */
  alerts(): Promise<ReadonlyArray<Alert>>;
  targets(): Promise<ReadonlyArray<Target>>;
}

/** Creates a client of the server at `url`. All methods throw if the server rejects the request. */
export const prometheusApi = (url: string): PrometheusApi => {
  const ask = async <A>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<A> => {
    const query = new URLSearchParams(parameters);
    const response = await fetch(`${url}/api/v1/${path}?${query}`);
    const answer = (await response.json()) as { status: string; data: A; error?: string };
    if (answer.status !== "success")
      throw new QueryRefused(answer.error ?? `HTTP ${response.status}`, parameters["query"] ?? path);
    return answer.data;
  };
  const between = ({ startMs, endMs }: TimeRange) => ({ start: seconds(startMs), end: seconds(endMs) });

  return {
    query: async (expr, atMs) =>
      readResult(await ask("query", { query: expr, ...(atMs === undefined ? {} : { time: seconds(atMs) }) })),
    queryRange: async (expr, range, stepMs) =>
      readResult(await ask("query_range", { query: expr, ...between(range), step: seconds(stepMs) })),
    exemplars: async (expr, range) => {
      const found = await ask<
        ReadonlyArray<{ seriesLabels: Labels; exemplars: ReadonlyArray<{ labels: Labels; value: string }> }>
      >("query_exemplars", { query: expr, ...between(range) });
      return found.flatMap(({ seriesLabels, exemplars }) =>
        exemplars.map(({ labels, value }) => ({ seriesLabels, labels, value: Number(value) })),
      );
    },
    series: (selector, range) => ask("series", { "match[]": selector, ...between(range) }),
    labelValues: (label, selector, range) =>
      ask(`label/${encodeURIComponent(label)}/values`, {
        ...between(range),
        ...(selector === undefined ? {} : { "match[]": selector }),
      }),
    rules: async () => (await ask<{ groups: ReadonlyArray<RuleGroup> }>("rules")).groups,
    alerts: async () => (await ask<{ alerts: ReadonlyArray<Alert> }>("alerts")).alerts,
    targets: async () => (await ask<{ activeTargets: ReadonlyArray<Target> }>("targets")).activeTargets,
  };
};

/** Whether there is a sample that is a number. NaN, such as 0 / 0, is not. */
export const hasData = (result: ReadonlyArray<Series>): boolean =>
  result.some(({ samples }) => samples.some(({ value }) => !Number.isNaN(value)));
