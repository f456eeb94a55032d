/** What Firelight is meant to reach on a quiet machine, and whether a run did. */
import type { RemoteWork, Runtime } from "./harness/contestant.ts";
import type { ProgramResults } from "./harness/programs.ts";
import type { Measurement, Summary } from "./harness/rounds.ts";

/** What a run measured. */
export interface Results {
  readonly runtime: Runtime;
  readonly measurements: ReadonlyArray<Measurement>;
  readonly programs: ProgramResults;
}

/** A goal, and the value that a run has for it. */
export interface GoalResult {
  readonly what: string;
  readonly goal: string;
  readonly value: string;
  readonly reached: boolean;
}

type Rate = (id: string) => number | undefined;

const summaryOf = (results: Results, work: RemoteWork, concurrency: number, id: string): Summary | undefined =>
  results.measurements
    .find((measurement) => measurement.work === work && measurement.concurrency === concurrency)
    ?.summaries.find((summary) => summary.id === id);

/** The ratio of two contestants, each by its ratio to the first one within its rounds. */
const ratio = (results: Results, work: RemoteWork, concurrency: number, id: string, to: string): number | undefined => {
  const rate: Rate = (of) => summaryOf(results, work, concurrency, of)?.ratio.median;
  const [a, b] = [rate(id), rate(to)];
  return a === undefined || b === undefined ? undefined : a / b;
};

const atLeast = (what: string, least: number, value: number | undefined): ReadonlyArray<GoalResult> =>
  value === undefined
    ? []
    : [{ what, goal: `≥ ${least.toFixed(2)}`, value: value.toFixed(2), reached: value >= least }];

const atMost = (what: string, most: number, unit: string, value: number | undefined): ReadonlyArray<GoalResult> =>
  value === undefined
    ? []
    : [{ what, goal: `≤ ${most}${unit}`, value: `${Number(value.toPrecision(3))}${unit}`, reached: value <= most }];

const smallCalls: Readonly<Record<Runtime, ReadonlyArray<readonly [concurrency: number, least: number]>>> = {
  node: [
    [1, 0.6],
    [16, 0.85],
    [64, 1.1],
    [256, 1.2],
  ],
  bun: [
    [1, 0.8],
    [16, 0.6],
    [64, 0.8],
  ],
};

const peers: ReadonlyArray<readonly [id: string, name: string, least: number]> = [
  ["moleculer-otel", "Moleculer with metrics and tracing", 1],
  ["effect-rpc-otel", "Effect RPC with OpenTelemetry", 1.5],
  ["grpc-otel", "grpc-js with OpenTelemetry", 3],
  ["effect-rpc", "Effect RPC without telemetry", 1],
  ["grpc", "grpc-js without telemetry", 1],
];

/** The share of CPU time per call, on both sides, that telemetry takes. */
const telemetryShare = (results: Results): number | undefined => {
  const cpu = (id: string): number | undefined => {
    const summary = summaryOf(results, "call", 16, id);
    return summary && summary.clientMicros + summary.serverMicros;
  };
  const [on, off] = [cpu("firelight"), cpu("firelight-off")];
  return on === undefined || off === undefined ? undefined : Math.max(0, 1 - off / on) * 100;
};

/** The cost at 1,000 runners by that at 10, the worse one of without waiting calls and with 100,000. */
const poolGrowth = ({ pool }: ProgramResults): number | undefined => {
  if (pool === undefined) return undefined;
  const micros = (runners: number, waiting: number): number =>
    pool.find((cost) => cost.runners === runners && cost.waiting === waiting)?.micros ?? Infinity;
  return Math.max(micros(1_000, 0) / micros(10, 0), micros(1_000, 100_000) / micros(10, 100));
};

/** Returns the goals for which the run has values. */
export const checkGoals = (results: Results): ReadonlyArray<GoalResult> => {
  const { runtime, programs } = results;
  const ofCalls = (concurrency: number, id: string, to: string) => ratio(results, "call", concurrency, id, to);
  return [
    ...smallCalls[runtime].flatMap(([concurrency, least]) =>
      atLeast(`small call, ${concurrency} at a time, of bare HTTP`, least, ofCalls(concurrency, "firelight", "bare")),
    ),
    ...peers.flatMap(([id, name, least]) =>
      [16, 64].flatMap((concurrency) =>
        atLeast(`small call, ${concurrency} at a time, of ${name}`, least, ofCalls(concurrency, "firelight", id)),
      ),
    ),
    ...atLeast(
      "small call, 16 at a time: no SDK, of telemetry off",
      0.97,
      ofCalls(16, "firelight-no-sdk", "firelight-off"),
    ),
    ...atMost("telemetry's share of CPU per call, 16 at a time", 35, "%", telemetryShare(results)),
    ...atLeast(
      "small call over HTTP, 16 at a time, of bare HTTP",
      0.4,
      ofCalls(16, "firelight-http", "bare") ?? ofCalls(16, "firelight", "bare"),
    ),
    ...atLeast(
      "10 KB with dates both ways, 16 at a time, of bare HTTP",
      0.6,
      ratio(results, "rich", 16, "firelight", "bare"),
    ),
    ...atMost("local mode over the encoded call", 15, " µs", programs.local?.overMicros),
    ...atMost("memory of a waiting call", 3, " KB", programs.memory && programs.memory.waitingCallBytes / 1000),
    ...atMost("memory of an idle runner", 50, " KB", programs.memory && programs.memory.idleRunnerBytes / 1000),
    ...atMost("acquire and release at 1,000 runners, of 10", 1.2, " ×", poolGrowth(programs)),
    ...atMost("import of a parent, time", 350, " ms", programs.import?.ms),
    ...atMost("import of a parent, memory", 60, " MB", programs.import?.mb),
  ];
};
