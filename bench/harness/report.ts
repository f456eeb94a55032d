/** Tables of a run, for the terminal and for `results/`. */
import type { GoalResult, Results } from "../goals.ts";
import type { Measurement } from "./rounds.ts";
import type { Spread } from "./statistics.ts";

type Row = ReadonlyArray<string>;

/** A Markdown table with columns of even width. */
export const table = (head: Row, rows: ReadonlyArray<Row>): string => {
  const widths = head.map((_title, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length), 3));
  const line = (row: Row): string => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
};

const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
const short = (value: number): string => (value < 100 ? value.toPrecision(2) : whole(value));
const range = ({ low, high }: Spread, print: (value: number) => string): string => `${print(low)}–${print(high)}`;
const twoDigits = (value: number): string => value.toFixed(2);

const workNames = { call: "small call", rich: "10 KB with dates" };

const measurementRows = ({ work, concurrency, summaries, summaries: [bare] }: Measurement): ReadonlyArray<Row> =>
  summaries.map((summary) => [
    workNames[work],
    String(concurrency),
    summary.name,
    `${whole(summary.callsPerSecond.median)} (${range(summary.callsPerSecond, whole)})`,
    `${twoDigits(summary.ratio.median)} (${range(summary.ratio, twoDigits)})`,
    short(summary.clientMicros),
    short(summary.serverMicros),
    twoDigits((summary.clientMicros + summary.serverMicros) / (bare!.clientMicros + bare!.serverMicros)),
    short(summary.p50Micros),
    short(summary.p99Micros),
  ]);

const programRows = ({ programs }: Results): ReadonlyArray<Row> => {
  const { local, memory, pool = [], stages = [], import: imported } = programs;
  return [
    ...(local
      ? [
          ["local call", `${short(local.localMicros)} µs`],
          ["encoded call", `${short(local.encodedMicros)} µs`],
        ]
      : []),
    ...(memory
      ? [
          ["waiting call, memory of the parent", `${short(memory.waitingCallBytes / 1000)} KB`],
          ["idle runner, memory of the parent", `${short(memory.idleRunnerBytes / 1000)} KB`],
        ]
      : []),
    ...pool.map(({ runners, waiting, micros }) => [
      `acquire and release, ${whole(runners)} runners, ${whole(waiting)} waiting calls`,
      `${short(micros)} µs`,
    ]),
    ...stages.map(({ stage, micros }) => [stage, `${short(micros)} µs`]),
    ...(imported ? [["import of a parent", `${short(imported.ms)} ms, ${short(imported.mb)} MB`]] : []),
  ];
};

const others = (share: number | undefined): string => (share === undefined ? "unknown" : `${Math.round(share * 100)}%`);

const loadRows = (measurements: ReadonlyArray<Measurement>): ReadonlyArray<Row> =>
  measurements.map((measurement) => [
    workNames[measurement.work],
    String(measurement.concurrency),
    `${measurement.used} of ${measurement.made}`,
    others(measurement.others),
    measurement.loaded ? "no" : "yes",
  ]);

/** All tables of a run, in Markdown. */
export const tables = (results: Results, goals: ReadonlyArray<GoalResult>): string => {
  const { measurements } = results;
  const programs = programRows(results);
  return [
    ...(measurements.length > 0
      ? [
          table(
            [
              "work",
              "at a time",
              "contestant",
              "calls/s",
              "of bare",
              "client CPU µs",
              "server CPU µs",
              "CPU of bare",
              "p50 µs",
              "p99 µs",
            ],
            measurements.flatMap(measurementRows),
          ),
          table(["work", "at a time", "rounds used", "used by others", "quiet"], loadRows(measurements)),
        ]
      : []),
    ...(programs.length > 0 ? [table(["in one process, CPU time", "measured"], programs)] : []),
    ...(goals.length > 0
      ? [
          table(
            [
              "goal",
              "wanted",
              "measured",
              measurements.some(({ loaded }) => loaded) ? "reached, on a busy machine" : "reached",
            ],
            goals.map(({ what, goal, value, reached }) => [what, goal, value, reached ? "yes" : "no"]),
          ),
        ]
      : []),
  ].join("\n\n");
};
