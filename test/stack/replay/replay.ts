/** Runs the shipped rules over a history, with promtool, and tells which alerts fired and when. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { AlertName } from "../../../src/bundle/alert-names.ts";
import { serverPath } from "../harness/servers.ts";
import type { RecordedProcess, ScrapedSeries, Seconds } from "./recording.ts";

const root = join(import.meta.dirname, "../../..");
const ruleFiles = ["rules", "alerts"].map((kind) => join(root, `otel/rules/firelight.${kind}.yaml`));

/** What Prometheus scrapes over a time. */
export interface Scraped {
  /** Processes with Firelight's metrics. Each is a target from its start; `up` is 0 once it has ended, for as long as its target is known. */
  readonly processes: ReadonlyArray<RecordedProcess>;
  /** Other series, such as `up` of a target that never answered. */
  readonly others?: (moments: ReadonlyArray<Seconds>) => ReadonlyArray<ScrapedSeries>;
  /** When Prometheus does not run. */
  readonly gaps?: ReadonlyArray<readonly [from: Seconds, until: Seconds]>;
  readonly untilSeconds: Seconds;
  /** How often the rules are evaluated, unless scrapes are rarer. Default: 60. */
  readonly evaluationSeconds?: Seconds;
}

/** An alert over the length of a history. */
export interface FiredAlert {
  readonly alert: AlertName;
  readonly severity: string;
  readonly labels: Readonly<Record<string, string>>;
  /** When it fired first and last. */
  readonly from: Seconds;
  readonly until: Seconds;
  /** How often it began to fire. */
  readonly times: number;
}

/** A value as promtool's test files have it: `_` where there is no sample, `stale` where a series ends. */
const notation = (
  values: ReadonlyArray<number | undefined>,
  inGap: ReadonlyArray<boolean>,
): { readonly text: string; readonly empty: boolean } => {
  let ended = true;
  const parts = values.map((value, index) => {
    if (inGap[index] === true) return "_";
    if (value !== undefined) {
      ended = false;
      return `${value}`;
    }
    if (ended) return "_";
    ended = true;
    return "stale";
  });
  return { text: parts.join(" "), empty: values.every((value) => value === undefined) };
};

const seriesName = ({ name, labels }: ScrapedSeries): string =>
  `${name}{${Object.entries(labels)
    .filter(([, value]) => value !== "")
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(", ")}}`;

const targetUp = (
  { job, instance, from, until, removed }: RecordedProcess,
  moments: ReadonlyArray<Seconds>,
): ScrapedSeries => ({
  name: "up",
  labels: { job, instance },
  values: moments.map((moment) => (moment < from || (removed && moment >= until) ? undefined : moment < until ? 1 : 0)),
});

/** The series of a history at the moments of the scrapes. */
export const scrapeAll = (
  { processes, others }: Scraped,
  moments: ReadonlyArray<Seconds>,
): ReadonlyArray<ScrapedSeries> => [
  ...processes.flatMap((process) => [...process.scrape(moments), targetUp(process, moments)]),
  ...(others?.(moments) ?? []),
];

const firing = 'ALERTS{alertstate="firing"}';

/** What promtool prints for expressions whose expectation failed, by expression: the value of each series. */
const parseResults = (output: string): ReadonlyMap<string, ReadonlyMap<string, number>> =>
  new Map(
    output
      .split(/^\s*expr: "/m)
      .slice(1)
      .map((block) => [
        block.slice(0, block.indexOf('", time:')).replaceAll('\\"', '"'),
        new Map([...block.matchAll(/(\{[^{}]*\}) ([\d.E+-]+)/g)].map(([, labels, value]) => [labels!, Number(value)])),
      ]),
  );

const readLabels = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [label!, value!]));

/** Runs promtool and returns what it prints. It fails if a test does. */
const runPromtool = (args: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve) => {
    execFile(serverPath("promtool"), args, { maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) =>
      resolve(`${stdout}\n${stderr}`),
    );
  });

/** Replays a history at a scrape interval. */
export const replay = async (history: Scraped, scrapeSeconds: Seconds): Promise<ReadonlyArray<FiredAlert>> => {
  const count = Math.floor(history.untilSeconds / scrapeSeconds) + 1;
  const moments = Array.from({ length: count }, (_, index) => index * scrapeSeconds);
  const inGap = moments.map((moment) => (history.gaps ?? []).some(([from, until]) => moment >= from && moment < until));
  const inputs = scrapeAll(history, moments).flatMap((one) => {
    const { text, empty } = notation(one.values, inGap);
    return empty ? [] : [{ series: seriesName(one), values: text }];
  });
  const evaluationSeconds = Math.max(history.evaluationSeconds ?? 60, scrapeSeconds);
  const step = `${evaluationSeconds}s`;
  const over = `[${history.untilSeconds}s:${step}]`;
  const asked = [
    `min_over_time(timestamp(${firing})${over})`,
    `max_over_time(timestamp(${firing})${over})`,
    `count_over_time((${firing} unless ${firing} offset ${step})${over})`,
  ];
  const eval_time = `${history.untilSeconds}s`;
  const folder = mkdtempSync(join(tmpdir(), "firelight-replay-"));
  try {
    const file = join(folder, "history.yaml");
    writeFileSync(
      file,
      stringify(
        {
          rule_files: ruleFiles,
          evaluation_interval: `${scrapeSeconds}s`,
          group_eval_order: [
            "firelight-counters",
            "firelight-failures",
            "firelight-failures-of-days",
            "firelight-alerts",
          ],
          tests: [
            {
              interval: `${scrapeSeconds}s`,
              input_series: inputs,
              // None is expected to have a result, so promtool prints those that have one. The first always has.
              promql_expr_test: ["vector(1)", ...asked].map((expr) => ({ expr, eval_time })),
            },
          ],
        },
        { lineWidth: 0 },
      ),
    );
    const output = await runPromtool(["test", "rules", file]);
    if (!output.includes('expr: "vector(1)"')) throw new Error(`promtool did not run the history:\n${output}`);
    const results = parseResults(output);
    const [first, last, times] = asked.map((expr) => results.get(expr) ?? new Map<string, number>());
    return [...first!].map(([text, from]) => {
      const { alertname, severity, alertstate: _, ...labels } = readLabels(text);
      return {
        alert: alertname as AlertName,
        severity: severity!,
        labels,
        from,
        until: last!.get(text)! + evaluationSeconds,
        times: times!.get(text)!,
      };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
