/** What the panels of the dashboards show of a drill: their own queries, asked as Grafana asks them. */
import { join } from "node:path";
import { type Dashboard, type PanelQuery, readDashboards } from "../../test/stack/harness/dashboards.ts";
import { stepMs, substitute, type Variable } from "../../test/stack/harness/grafana-variables.ts";
import type { PrometheusApi, Series, TimeRange } from "../../test/stack/harness/prometheus-api.ts";
import type { MovingPanel } from "./drill.ts";

/** A line of a panel. */
export interface PanelSeries extends Series {
  /** As the legend has it. */
  readonly name: string;
}

/** A panel over time. */
export interface PanelView {
  readonly panel: MovingPanel;
  /** The dashboard's title. */
  readonly dashboard: string;
  readonly unit: string;
  readonly range: TimeRange;
  /** Between two points of a series. */
  readonly stepMs: number;
  readonly brokenAtMs: number;
  readonly series: ReadonlyArray<PanelSeries>;
  /** Those of them that must move. */
  readonly counting: ReadonlyArray<PanelSeries>;
  /** The highest value of the series that count before the incident, and in it; of one that must fall, at its end. */
  readonly before: number;
  readonly during: number;
  readonly moved: boolean;
}

/** The scrape interval of the data source; `$__rate_interval` is four times as long. */
const toldScrapeMs = 15_000;

const dashboards: ReadonlyArray<Dashboard> = readDashboards(join(import.meta.dirname, "../../dashboards"));

/** What is chosen: these jobs, and all of everything else. */
const choose = ({ variables }: Dashboard, jobs: ReadonlyArray<string>): ReadonlyArray<Variable> =>
  variables.map(({ name, multi, includeAll, allValue }) =>
    name === "job"
      ? { name, multi, options: jobs, chosen: jobs }
      : { name, multi: multi || includeAll, options: [], chosen: "all", allValue: allValue ?? ".*" },
  );

const find = ({
  dashboard,
  panel,
}: MovingPanel): { board: Dashboard; queries: ReadonlyArray<PanelQuery>; unit: string } => {
  const board = dashboards.find(({ uid }) => uid === `firelight-${dashboard}`);
  const found = board?.panels.find(({ title }) => title === panel);
  if (board === undefined || found === undefined)
    throw new Error(`There is no panel "${panel}" in a dashboard firelight-${dashboard}.`);
  return { board, queries: found.queries.filter(({ language }) => language === "prometheus"), unit: found.unit };
};

const nameOf = ({ labels }: Series, legend: string): string =>
  legend === ""
    ? Object.values(labels).join(", ")
    : legend.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_all, label: string) => labels[label] ?? "");

const highest = (series: ReadonlyArray<Series>, range: TimeRange): number =>
  Math.max(
    0,
    ...series.flatMap(({ samples }) =>
      samples
        .filter(({ atMs, value }) => atMs >= range.startMs && atMs < range.endMs && Number.isFinite(value))
        .map(({ value }) => value),
    ),
  );

/** How much of the time before the incident is looked at. */
const beforeMs = 4 * 60_000;

/** Looks at a panel, from some time before the incident until now. */
export const viewPanel = async (
  api: PrometheusApi,
  panel: MovingPanel,
  jobs: ReadonlyArray<string>,
  brokenAtMs: number,
): Promise<PanelView> => {
  const { board, queries, unit } = find(panel);
  const range = { startMs: brokenAtMs - beforeMs, endMs: Date.now() };
  const times = { ...range, scrapeMs: toldScrapeMs };
  const step = stepMs(times);
  const variables = choose(board, jobs);
  const answers = await Promise.all(
    queries.map(async ({ text, legend }) => {
      const found = await api.queryRange(substitute(text, "prometheus", variables, times), range, step);
      return found.map((one): PanelSeries => ({ ...one, name: nameOf(one, legend) }));
    }),
  );
  const series = answers.flat();
  const wanted = Object.entries(panel.where ?? {});
  const counting = series.filter(({ labels }) => wanted.every(([label, value]) => labels[label] === value));
  const { reaches = Infinity, fallsTo } = panel;
  const before = highest(counting, { startMs: range.startMs, endMs: brokenAtMs });
  const lastlyMs = fallsTo === undefined ? brokenAtMs : range.endMs - 3 * toldScrapeMs;
  const during = highest(counting, { startMs: lastlyMs, endMs: range.endMs });
  return {
    panel,
    dashboard: board.title,
    unit,
    range,
    stepMs: step,
    brokenAtMs,
    series,
    counting,
    before,
    during,
    moved: fallsTo === undefined ? before < reaches && during >= reaches : before > fallsTo && during <= fallsTo,
  };
};
