/** How long calls took and where the time went, by method: each figure is read from the metrics. */
import { metrics } from "firelight/catalog";
import { type Labels, quantile, type Scrape, upperBound } from "../shared/prometheus-text.ts";
import { duration, heading, printTable, type Style, styled, width } from "../shared/terminal.ts";

const { name: calls } = metrics.callDuration;
const { name: retries } = metrics.callRetries;
const { name: phaseTimes } = metrics.phaseDuration;

interface PhaseColumn {
  readonly title: string;
  readonly phases: ReadonlyArray<string>;
  readonly style: Style;
}

const phaseColumns: ReadonlyArray<PhaseColumn> = [
  { title: "acquire", phases: ["acquire"], style: "yellow" },
  { title: "backoff", phases: ["backoff"], style: "gray" },
  { title: "network", phases: ["network"], style: "blue" },
  { title: "runner", phases: ["runner_queue"], style: "cyan" },
  { title: "handler", phases: ["handler"], style: "green" },
  { title: "rest", phases: ["encode", "decode", "other"], style: "white" },
];

/** Calls that the metrics counted. */
export const countedCalls = (scrape: Scrape): number => scrape.sum(`${calls}_count`);

const dim = (text: string): string => styled("dim", text);

const countIn = (style: Style, count: number): string => (count === 0 ? dim("0") : styled(style, String(count)));

const latencyRow = (scrape: Scrape, title: string, where: Labels): ReadonlyArray<string> => {
  const all = scrape.histogram(calls, where);
  const failed = all.count - scrape.sum(`${calls}_count`, { ...where, rpc_status_code: "OK" });
  return [
    title,
    String(all.count),
    countIn("red", failed),
    countIn("yellow", scrape.sum(`${retries}_count`, where)),
    duration(quantile(0.5, all) ?? 0),
    duration(quantile(0.95, all) ?? 0),
    `≤ ${duration(upperBound(all) ?? 0)}`,
    duration(all.sum / all.count),
  ];
};

/** Mean seconds of a call in each column. */
const phaseMeans = (scrape: Scrape, where: Labels): ReadonlyArray<number> => {
  const count = scrape.sum(`${calls}_count`, where);
  return phaseColumns.map(
    ({ phases }) =>
      phases.reduce((sum, phase) => sum + scrape.sum(`${phaseTimes}_sum`, { ...where, phase }), 0) / count,
  );
};

/** The means end to end, over all cells; rounding never adds or loses one. */
const stackedBar = (means: ReadonlyArray<number>, cells: number): string => {
  const whole = means.reduce((sum, mean) => sum + mean, 0);
  let upTo = 0;
  return means
    .map((mean, column) => {
      const from = Math.round((upTo / whole) * cells);
      upTo += mean;
      return styled(phaseColumns[column]!.style, "▇".repeat(Math.round((upTo / whole) * cells) - from));
    })
    .join("");
};

/** What the columns before the bar take. */
const columnsWidth = 70;

export const printLatency = (scrape: Scrape): void => {
  const methods = scrape.values(`${calls}_count`, "rpc_method");

  heading("Latency by method", "from flame.metrics(); quantiles as PromQL's histogram_quantile gives them");
  printTable([
    ["", "calls", "errors", "retried", "p50", "p95", "max", "mean"].map(dim),
    ...methods.map((method) => latencyRow(scrape, method, { rpc_method: method })),
    latencyRow(scrape, "all", {}),
  ]);

  heading("Where the mean call spent its time", "from the same metrics, in milliseconds");
  const rows = methods.map((method) => [method, phaseMeans(scrape, { rpc_method: method })] as const);
  const sides = ["left", ...phaseColumns.map(() => "right" as const), "left"] as const;
  printTable(
    [
      ["", ...phaseColumns.map(({ title, style }) => styled(style, title)), ""],
      ...rows.map(([method, means]) => [
        method,
        ...means.map((mean) => (mean < 0.00005 ? dim("0") : (mean * 1000).toFixed(mean < 0.01 ? 1 : 0))),
        stackedBar(means, Math.min(48, width - columnsWidth)),
      ]),
    ],
    sides,
  );
};
