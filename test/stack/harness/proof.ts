/** Runs the queries of panels and rules against a real Prometheus, and reports those without data. */
import { promqlNames } from "../../harness/promql.ts";
import type { Dashboard, PanelQuery } from "./dashboards.ts";
import { stepMs, substitute, type QueryTimes, type Variable } from "./grafana-variables.ts";
import { externalOf } from "./known-names.ts";
import { hasData, type PrometheusApi, type TimeRange } from "./prometheus-api.ts";

/** The Prometheus and the time range of the checks. */
export interface Ground {
  readonly api: PrometheusApi;
  readonly times: QueryTimes;
  /** Whether a collector is scraped. */
  readonly collector: boolean;
}

export interface Proof {
  /** Why it has no data, if that is expected. */
  readonly excuse: string | undefined;
  /** Problems. */
  readonly faults: ReadonlyArray<string>;
}

/** Why a series may be missing. */
const excuseFor = (metric: string, { collector }: Ground): string | undefined => {
  const external = externalOf(metric);
  if (external === undefined || external.producer === "host") return undefined;
  if (external.producer === "prometheus" || !collector) return external.absentWhen;
  return /_(?:failed|refused)_/.test(external.name)
    ? "The collector exports it only after its first failure."
    : undefined;
};

/** The selectors of an expression without series, as problems or with their excuses. */
const missingSeries = async (
  ground: Ground,
  expr: string,
): Promise<{ readonly excuses: ReadonlyArray<string>; readonly faults: ReadonlyArray<string> }> => {
  const excuses: Array<string> = [];
  const faults: Array<string> = [];
  for (const { text, metric } of promqlNames(expr).selectors) {
    if ((await ground.api.series(text, ground.times)).length > 0) continue;
    const excuse = excuseFor(metric, ground);
    if (excuse === undefined) faults.push(`no series for ${text}`);
    else excuses.push(excuse);
  }
  return { excuses, faults };
};

const durationMs = (written: string): number | undefined => {
  const [, amount, unit] = /^(\d+)(ms|s|m|h)$/.exec(written) ?? [];
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  return amount === undefined ? undefined : Number(amount) * units[unit!]!;
};

/** Aligns the steps with the end of the range. */
const endingWithStep = ({ startMs, endMs }: QueryTimes, step: number): TimeRange => ({
  startMs: endMs - Math.ceil((endMs - startMs) / step) * step,
  endMs,
});

const proveQuery = async (ground: Ground, query: PanelQuery, variables: ReadonlyArray<Variable>): Promise<Proof> => {
  const { api } = ground;
  const times = {
    ...ground.times,
    scrapeMs: durationMs(query.minStep) ?? ground.times.scrapeMs,
    minStepMs: durationMs(query.panelMinStep) ?? 0,
  };
  const step = stepMs(times);
  const expr = substitute(query.text, query.language, variables, times);
  const { excuses, faults } = await missingSeries(ground, expr);
  const result = query.instant
    ? await api.query(expr, times.endMs)
    : await api.queryRange(expr, endingWithStep(times, step), step);
  if (hasData(result) || excuses.length > 0) return { excuse: excuses[0], faults };
  return { excuse: undefined, faults: [...faults, `no data for ${query.refId}: ${expr}`] };
};

/** Checks the panels of a dashboard that query Prometheus. */
export const provePanels = async (
  ground: Ground,
  dashboard: Dashboard,
  variables: ReadonlyArray<Variable>,
): Promise<ReadonlyArray<Proof & { readonly panel: string }>> => {
  const proofs: Array<Proof & { readonly panel: string }> = [];
  for (const { title, queries } of dashboard.panels) {
    const asked = queries.filter(({ language }) => language === "prometheus");
    if (asked.length === 0) continue;
    const answers = await Promise.all(asked.map((query) => proveQuery(ground, query, variables)));
    proofs.push({
      panel: title,
      excuse: answers.find(({ excuse }) => excuse !== undefined)?.excuse,
      faults: answers.flatMap(({ faults }) => faults),
    });
  }
  return proofs;
};

/** Checks the expression of a rule: its series exist, and what it records has data. */
export const proveExpression = async (ground: Ground, expr: string, record: string | undefined): Promise<Proof> => {
  const { api, times } = ground;
  const { excuses, faults } = await missingSeries(ground, expr);
  await api.query(expr, times.endMs);
  if (record === undefined || excuses.length > 0) return { excuse: excuses[0], faults };
  if (hasData(await api.queryRange(record, times, stepMs(times)))) return { excuse: undefined, faults };
  return { excuse: undefined, faults: [...faults, `${record} was never recorded`] };
};
